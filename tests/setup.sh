#!/bin/sh
# Installs what netsvc and its tests call, and real stores for tests; does nothing where all is
# there. Stores are unpacked into a folder of their own: nothing of them is started or configured.
#
#   sh tests/setup.sh          all that the tests need
#   sh tests/setup.sh daemon   only what a daemon and its containers need
set -eu
case ${1:-tests} in
  daemon | tests) what=${1:-tests} ;;
  *)
    echo "Unknown word \"$1\"; use: sh tests/setup.sh [daemon]" >&2
    exit 2
    ;;
esac
servers=${NETSVC_TEST_SERVERS:-/var/cache/netsvc-tests}
shared=$(cd "$(dirname "$0")/../.." && pwd)/shared/servers

need=""
want() { command -v "$1" > /dev/null 2>&1 || need="$need $2"; }
want ip iproute2
want nft nftables
want iptables iptables
want conntrack conntrack
want ping iputils-ping
missing=""
if [ "$what" = tests ]; then
  want curl curl
  want dig bind9-dnsutils
  want dnsperf dnsperf
  want dnsmasq dnsmasq-base
  want busybox busybox-static
  want pgrep procps
  want xz xz-utils
  want openssl openssl
  want iperf3 iperf3
  want ethtool ethtool
  want python3 python3
  want dockerd docker.io
  want docker-compose docker-compose
  want podman podman
  want java default-jre-headless
  # The jars alone; the packages beside it run a service.
  [ -e /usr/share/java/zookeeper.jar ] || need="$need libzookeeper-java"
  for server in etcd consul denokv; do
    [ -e "$servers/$server/done" ] || missing="$missing $server"
  done
  # Docker's current engine, packed, where a variable names a folder that has it; who has none tests on
  # the distribution's.
  engine=""
  for packed in ${NETSVC_SHARED:+"$NETSVC_SHARED"/servers/docker-*.tar.xz}; do
    [ ! -e "$packed" ] || [ "$(uname -m)" != x86_64 ] || engine=$packed
  done
  if [ -z "$engine" ]; then
    [ -e "$servers/docker/done" ] ||
      echo "No current engine of Docker's is at hand (NETSVC_SHARED): its tests run on the distribution's" >&2
  elif [ "$(cat "$servers/docker/done" 2> /dev/null)" != "$(basename "$engine")" ]; then
    missing="$missing docker"
  fi
fi
[ -z "$need$missing" ] && exit 0
if [ "$(id -u)" != 0 ]; then
  echo "netsvc needs root: network namespaces are the kernel's; run this with sudo" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
updated=""
update() {
  [ -n "$updated" ] || apt-get update -qq
  updated=1
}
if [ -n "$need" ]; then
  echo "Installing:$need" >&2
  update
  # Packages must not start what they bring: tests start their own.
  policy=/usr/sbin/policy-rc.d
  ours=""
  if [ ! -e "$policy" ]; then
    ours=$policy
    trap 'rm -f "$ours"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  # shellcheck disable=SC2086 -- a list of names
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $need > /dev/null
  [ -z "$ours" ] || rm -f "$ours"
  trap - EXIT
fi
[ -z "$missing" ] && exit 0

mkdir -p "$servers"
# Two at once would unpack over each other.
exec 9> "$servers/lock"
flock 9
work=$(mktemp -d "$servers/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
# apt fetches as a user of its own, who must get in here.
chmod 755 "$work"
chown _apt "$work"
cd "$work"

# Unpacks the packages of this folder as the server $1.
unpack() {
  rm -rf "${servers:?}/$1"
  for package in ./*.deb; do dpkg -x "$package" "$servers/$1"; done
  rm -f ./*.deb
  touch "$servers/$1/done"
}

etcd() {
  update
  apt-get -qq download etcd-server etcd-client 2> log || { cat log >&2; return 1; }
  unpack etcd
}

# Consul left Debian after bullseye. Its lists, caches and sources are this script's own, and its
# signatures are checked by the keys that Debian itself ships.
consul() {
  # From wherever this machine has its own packages.
  update
  repository=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' | sed -n 's/ Debian$//p' | head -n 1)
  [ -n "$repository" ] || {
    echo "No Debian archive is configured on this machine; Consul comes from one" >&2
    return 1
  }
  mkdir -p apt/lists/partial apt/cache/archives/partial
  chown -R _apt apt
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "$repository bullseye main" > apt/sources.list
  set -- -qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" \
    -o APT::Update::Post-Invoke-Success::= -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
  apt-get "$@" update
  apt-get "$@" download consul 2> log || { cat log >&2; return 1; }
  unpack consul
}

# Not a Debian package: the file beside our checkouts, or built from its crate.
denokv() {
  rm -rf "$servers/denokv"
  mkdir -p "$servers/denokv/usr/bin"
  packed=$(ls "$shared"/denokv-*-"$(uname -m)"-linux.xz 2> /dev/null | head -n 1)
  if [ -n "$packed" ]; then
    xz -dc "$packed" > "$servers/denokv/usr/bin/denokv"
    chmod 755 "$servers/denokv/usr/bin/denokv"
  else
    command -v cargo > /dev/null 2>&1 || {
      echo "Building denokv needs cargo: install Rust" >&2
      return 1
    }
    cargo install --quiet denokv --version 0.14.0 --locked --root "$servers/denokv/usr"
  fi
  touch "$servers/denokv/done"
}

# The engine, its containerd, shim and runc: all four, since the distribution's runc is too old for it.
docker() {
  rm -rf "$servers/docker"
  mkdir -p "$servers/docker"
  tar -xJf "$engine" -C "$servers/docker" --strip-components=1 --no-same-owner
  basename "$engine" > "$servers/docker/done"
}

for server in $missing; do
  [ "$server" = docker ] || [ ! -e "$servers/$server/done" ] || continue
  echo "Unpacking: $server" >&2
  "$server"
done

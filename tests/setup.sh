#!/bin/sh
# Installs what netsvc and its tests call, and real stores for tests; does nothing where all is
# there. Stores are unpacked into a folder of their own: nothing of them is started or configured.
#
#   sh tests/setup.sh          all that the tests need
#   sh tests/setup.sh daemon   only what a daemon and its containers need
#
# Current servers come from "$NETSVC_SHARED/servers" where that is set, and are built from their packages
# where it isn't. Nothing is looked for beside a clone: whoever may write there would choose what root runs.
set -eu
case ${1:-tests} in
  daemon | tests) what=${1:-tests} ;;
  *)
    echo "Unknown word \"$1\"; use: sh tests/setup.sh [daemon]" >&2
    exit 2
    ;;
esac
servers=${NETSVC_TEST_SERVERS:-/var/cache/netsvc-tests}
shared=${NETSVC_SHARED:+$NETSVC_SHARED/servers}
# The oldest that are tested are Debian's: etcd (3.4), ZooKeeper's jars (3.8.0), bullseye's consul (1.8).
# tests/harness/versions.ts names all of them.
current="etcd-3.5.21 etcd-3.6.16 etcd-3.7.3 consul-1.14.11 zookeeper-3.9.5"

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
  want fish fish
  want iperf3 iperf3
  want ethtool ethtool
  want wg wireguard-tools
  want wireguard-go wireguard-go
  want python3 python3
  want nginx nginx-light
  want tcpdump tcpdump
  want dockerd docker.io
  want docker-compose docker-compose
  want podman podman
  want java default-jre-headless
  # The jars alone; the packages beside it run a service.
  [ -e /usr/share/java/zookeeper.jar ] || need="$need libzookeeper-java"
  for server in etcd consul denokv $current; do
    [ -e "$servers/$server/done" ] || missing="$missing $server"
  done
  case "$missing" in
    *zookeeper-*) [ -n "$shared" ] || want mvn maven ;;
  esac
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

# Not a Debian package: from NETSVC_SHARED, or built from its crate.
denokv() {
  rm -rf "$servers/denokv"
  mkdir -p "$servers/denokv/usr/bin"
  packed=""
  if [ -n "$shared" ]; then
    packed=$(ls "$shared"/denokv-*-"$(uname -m)"-linux.xz 2> /dev/null | head -n 1)
  fi
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

# Makes usr/bin/PROGRAM of the server $1 with `go build`: $2 is its module with the version, $3 what to
# build, and the standard input a program of its own, or nothing.
gobuild() {
  command -v go > /dev/null 2>&1 || {
    echo "Building $1 needs Go, and there is none on PATH: install it, or set NETSVC_SHARED to a" \
      "folder that has servers/$1.xz" >&2
    return 1
  }
  rm -rf build
  mkdir build
  # What is fetched and compiled on the way goes with this folder.
  (
    cd build
    export GOPATH="$work/go" GOCACHE="$work/gocache" GOFLAGS="-modcacherw -buildvcs=false"
    cat > main.go
    [ -s main.go ] || rm main.go
    go mod init build > log 2>&1 && go get "$2" >> log 2>&1 &&
      go build -trimpath -ldflags "-s -w" -o "$servers/$1/usr/bin/${1%%-*}" "$3" >> log 2>&1 ||
      { cat log >&2; exit 1; }
  )
}

build_etcd() {
  gobuild "etcd-$1" "go.etcd.io/etcd/server/v3@v$1" . << 'END'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
END
}

build_consul() {
  gobuild "consul-$1" "github.com/hashicorp/consul@v$1" github.com/hashicorp/consul < /dev/null
}

# Its jar, what that needs, and two that it calls without saying so.
build_zookeeper() {
  dependency() {
    echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"
  }
  {
    echo "<project><modelVersion>4.0.0</modelVersion><groupId>netsvc</groupId>"
    echo "<artifactId>jars</artifactId><version>1</version><dependencies>"
    dependency org.apache.zookeeper zookeeper "$1"
    dependency io.dropwizard.metrics metrics-core 4.2.26
    dependency org.xerial.snappy snappy-java 1.1.10.7
    echo "</dependencies></project>"
  } > pom.xml
  mvn -B -q "-Dmaven.repo.local=$work/m2" dependency:copy-dependencies -DincludeScope=runtime \
    "-DoutputDirectory=$servers/zookeeper-$1" > log 2>&1 || { cat log >&2; return 1; }
}

# A current server; $1 is NAME-VERSION.
current() {
  name=${1%%-*}
  rm -rf "${servers:?}/$1"
  mkdir -p "$servers/$1/usr/bin"
  packed=""
  if [ -n "$shared" ]; then
    packed=$(ls "$shared/$1.xz" "$shared/$1.tar.xz" 2> /dev/null | head -n 1) || true
  fi
  case "$packed" in
    *.tar.xz) tar -xJf "$packed" -C "$servers/$1" --strip-components=1 --no-same-owner ;;
    *.xz)
      xz -dc "$packed" > "$servers/$1/usr/bin/$name"
      chmod 755 "$servers/$1/usr/bin/$name"
      ;;
    *) "build_$name" "${1#*-}" ;;
  esac
  touch "$servers/$1/done"
}

for server in $missing; do
  [ "$server" = docker ] || [ ! -e "$servers/$server/done" ] || continue
  echo "Unpacking: $server" >&2
  case "$server" in
    *-*) current "$server" ;;
    *) "$server" ;;
  esac
done

#!/bin/sh
# Installs what netsvc and its tests call, from Debian's packages; does nothing where all is there.
set -eu
need=""
want() { command -v "$1" > /dev/null 2>&1 || need="$need $2"; }
want ip iproute2
want nft nftables
want iptables iptables
want conntrack conntrack
want ping iputils-ping
want curl curl
want dig bind9-dnsutils
want dnsperf dnsperf
want busybox busybox-static
want pgrep procps
want xz xz-utils
want openssl openssl
[ -z "$need" ] && exit 0
if [ "$(id -u)" != 0 ]; then
  echo "netsvc needs root: network namespaces are the kernel's; run this with sudo" >&2
  exit 1
fi
echo "Installing:$need" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 -- a list of names
apt-get install -y -qq --no-install-recommends $need > /dev/null

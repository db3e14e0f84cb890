/**
 * What each room is for, in a few words: the legend of the picture of the floors.
 *
 * @module
 */

/** By the room's name, as in `FLOORS`. */
export const CAPTIONS: Record<string, string> = {
  "main.ts": "the program: client or daemon",
  "mod.ts": "the client as a library",
  "cli/": "the command tree, and the client of the API",
  "server/boot/": "the daemon's start: stores, host, wiring, rounds, serving",
  "server/docker/": "Docker's Engine API and plugin protocol: shapes and routes",
  "server/http/": "netsvc's own API: routes, problems, events",
  "server/http/listen/": "listeners, tokens, bounds on requests",
  "server/doctor/": "checks, and probes between hosts",
  "server/reconcile/": "brings host, peers and plugins to what the store says",
  "server/controllers/docker/": "what Docker's clients want of its containers",
  "server/controllers/adopted/": "containers that an engine made: adopted, followed, released",
  "server/controllers/containers/": "netsvc's own containers: from create to reap",
  "server/controllers/endpoints/": "an attach is decided here, and a detach",
  "server/controllers/networks/": "networks: create, remove, pools, gateways",
  "server/controllers/clusters/": "the cluster of this host: made, joined, left, shown",
  "server/controllers/hosts/": "hosts of the cluster",
  "server/controllers/services/": "services: publish, rename, addresses, unpublish",
  "server/controllers/": "locks and look-up, which all controllers share",
  "server/drivers/":
    "drivers as controllers see them: gate, notes, plugins; store and kernel side by side",
  "server/cluster/etcd/": "the cluster's etcd: process, members, upkeep, backups",
  "server/cluster/member/": "how a host becomes a member, and what it does as one",
  "server/cluster/join/": "what a joining host and a voter say to each other",
  "server/cluster/control/": "the cluster's own records: tokens, authority, who may do what",
  "server/cluster/files/": "what a host keeps to be a member",
  "server/cluster/": "this host among others: its registration and leases",
  "server/machine/": "the seam between daemon and machine; tests put another under it",
  "server/sandbox/": "namespaces, their files, resolvers, processes, logs, ports",
  "server/dns/": "the resolver: zones from the state, answers, forwarding",
  "server/engines/": "Docker, Podman and the kernel as makers of containers",
  "server/model/": "records, their keys and versions; the state that follows the stores",
  "server/ipam/": "which addresses are free",
  "server/dns/files/": "resolv.conf and hosts",
  "server/dns/codec/": "DNS messages",
  "server/inside/": "the helper that works inside of a container's mounts",
  "kv/": "the stores behind one interface",
  "drivers/": "an attach is planned here, as values, and done; bridge, overlay, plugins",
  "lib/linux/": "the kernel: ip, nft, namespaces, sockets, processes",
  "lib/x509/": "certificates, and what an authority does",
  "lib/async/": "deadlines, queues, locks, pauses",
  "lib/bytes/": "bytes and their text",
  "lib/ip/": "addresses and their text",
  "lib/api/": "what crosses the API: schemas, errors, names, settings",
};

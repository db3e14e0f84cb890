/**
 * The versions of stores that are tested, and where `tests/setup.sh` puts their servers.
 *
 * @module
 */

/** Where `tests/setup.sh` unpacks servers. */
export const SERVERS: string = Deno.env.get("NETSVC_TEST_SERVERS") ?? "/var/cache/netsvc-tests";

/** Versions by store, from the oldest, which is Debian's, to the newest. */
export const VERSIONS = {
  etcd: ["3.4", "3.5.21", "3.6.16", "3.7.3"],
  consul: ["1.8", "1.14.11"],
  zookeeper: ["3.8", "3.9.5"],
} as const;

/** A store of which several versions are tested. */
export type Versioned = keyof typeof VERSIONS;

/** The newest version of a store: what is tested where a test doesn't say. */
export function newest(store: Versioned): string {
  return VERSIONS[store].at(-1)!;
}

/** All versions of a store but the newest. */
export function older(store: Versioned): string[] {
  return VERSIONS[store].slice(0, -1);
}

/** What a version's files lie in. */
function folder(store: Versioned, version: string): string {
  return version === VERSIONS[store][0] ? `${SERVERS}/${store}` : `${SERVERS}/${store}-${version}`;
}

/** The program of an etcd or a Consul. */
export function program(store: "etcd" | "consul", version: string = newest(store)): string {
  return `${folder(store, version)}/usr/bin/${store}`;
}

/** The class path of a ZooKeeper. */
export function jars(version: string = newest("zookeeper")): string {
  const oldest = version === VERSIONS.zookeeper[0];
  return oldest ? "/usr/share/java/*" : `${folder("zookeeper", version)}/*`;
}

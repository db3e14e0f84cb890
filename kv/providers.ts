/**
 * The shared stores that netsvc knows, one row each.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import type { Traits } from "./url/traits.ts";

/** A store. */
export interface Provider extends Traits {
  /** Loads its backend and the client library of that; no other is. */
  load: () => Promise<Backend>;
}

/** All of them. One literal import() each, so that the bundler makes one chunk of each. */
export const PROVIDERS: Readonly<Record<string, Provider>> = {
  etcd: {
    schemes: ["etcd"],
    port: 2379,
    example: "etcd:HOST:2379",
    login: "password",
    files: true,
    load: () => import("./etcd/etcd_store.ts"),
  },
  consul: {
    schemes: ["consul"],
    port: 8500,
    example: "consul:HOST:8500",
    login: "token",
    files: true,
    tokenVariable: "CONSUL_HTTP_TOKEN",
    load: () => import("./consul/consul_store.ts"),
  },
  zookeeper: {
    schemes: ["zookeeper", "zk"],
    port: 2181,
    example: "zookeeper:HOST:2181",
    login: "password",
    files: true,
    load: () => import("./zookeeper/zookeeper_store.ts"),
  },
  denokv: {
    schemes: ["denokv"],
    port: 4512,
    example: "denokv:http://HOST:4512",
    login: "token",
    files: false,
    tokenVariable: "DENO_KV_ACCESS_TOKEN",
    web: true,
    load: () => import("./denokv/denokv_store.ts"),
  },
};

/**
 * How a host opens the store of its cluster: as a value of `--kv-store`. Pure.
 *
 * @module
 */
import { PREFIXES } from "../control/records.ts";
import type { ClusterState } from "../files/cluster_file.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";

/** Which part of the store, and as who. */
export interface StoreUse {
  part: keyof typeof PREFIXES;
  /** `voter`: with the certificate that may do all. */
  as: "host" | "voter";
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function hostPort({ host, port }: { host: string; port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The value of `--kv-store` for the cluster's own etcd; an external store's URL as it is. */
export function storeFlag(
  { store }: Pick<ClusterState, "store">,
  { paths, part, as }: StoreUse & { paths: ClusterPaths },
): string {
  if (store.kind === "external") return store.url;
  const [cert, key] = as === "voter"
    ? [paths.voterCertificate, paths.voterKey]
    : [paths.hostCertificate, paths.hostKey];
  const files = Object.entries({ ca: paths.ca, cert, key })
    .map(([name, path]) => `${name}=${encodeURIComponent(path)}`);
  const prefix = PREFIXES[part].split("/").map(encodeURIComponent).join("/");
  return `etcds:${store.endpoints.map(hostPort).join(",")}/${prefix}?${files.join("&")}`;
}

/**
 * Follows where this host is, and where the voters are.
 *
 * @module
 */
import type { Store } from "../../../../kv/store.ts";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import type { EtcdChild } from "../../etcd/etcd_child.ts";
import type { ClusterFile, ClusterState } from "../../files/cluster_file.ts";
import { askVoters } from "./ask_voters.ts";
import { FollowAddress } from "./follow_address.ts";
import { KnownHosts } from "./known_hosts.ts";
import type { OwnAddresses } from "./own_address.ts";
import { Search } from "./search.ts";

/** What it works with. */
export interface FindingParts {
  file: ClusterFile;
  state: ClusterState;
  child: EtcdChild;
  /** The public part of the cluster's store. */
  store: Store;
  addresses: () => OwnAddresses;
  restart: () => void;
  endpoints: () => readonly Endpoint[];
  found: (endpoints: readonly Endpoint[]) => Promise<void>;
}

/** @returns what ends it */
export function follow(parts: FindingParts): AsyncDisposable {
  const { file, state, child, store, addresses, restart, endpoints, found } = parts;
  const { paths } = file;
  const stack = new AsyncDisposableStack();
  const hosts = new KnownHosts(paths.knownHosts);
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  void hosts.follow(store, stop.signal);
  const search = stack.use(
    new Search({
      store,
      known: () => hosts.read(),
      self: () => state.host.address,
      endpoints,
      ask: (address) => askVoters(paths, address),
      found,
    }),
  );
  search.begin();
  const write = (state: ClusterState) => file.write(state);
  stack.use(new FollowAddress({ state, addresses, child, write, restart })).begin();
  return stack;
}

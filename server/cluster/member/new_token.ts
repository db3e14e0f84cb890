/**
 * Makes a join token of a cluster with a store of its own.
 *
 * @module
 */
import { Authority } from "../control/authority.ts";
import { type Reads, ScopedStore } from "../control/scoped_store.ts";
import { formatToken } from "../control/token.ts";
import { Tokens } from "../control/tokens.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { JOIN_PORT } from "../files/ports.ts";
import type { NewToken, NewTokenTerms } from "./duties.ts";
import { hostPort } from "./store_flags.ts";

/** @param store the whole of `netsvc-cluster`, opened as a voter */
export async function newToken(
  terms: NewTokenTerms,
  { store, paths, endpoints }: {
    store: Reads;
    paths: ClusterPaths;
    endpoints: readonly { host: string }[];
  },
): Promise<NewToken> {
  const { fingerprint } = await Authority.read(paths);
  const tokens = new Tokens(new ScopedStore(store, "secret/"));
  const { secret, record: { id, created, expires, uses } } = await tokens.create(terms);
  const addresses = endpoints.map(({ host }) => hostPort({ host, port: JOIN_PORT }));
  return {
    id,
    created,
    expires,
    uses,
    token: formatToken({ kind: "own", fingerprint, id, secret, addresses }),
  };
}

/**
 * Makes a join token of a cluster with a store of its own.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { Authority } from "../control/authority.ts";
import { rollovers } from "../control/records.ts";
import { type Reads, ScopedStore } from "../control/scoped_store.ts";
import { formatToken } from "../control/token.ts";
import { Tokens } from "../control/tokens.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { JOIN_PORT } from "../files/ports.ts";
import type { NewToken, NewTokenTerms } from "./duties.ts";
import { hostPort } from "./store_flags.ts";

/** What hosts without a vote may make, so that one in wrong hands leaves nothing that lasts. */
const CLIENT_TTL_MS = 86_400_000;
const CLIENT_USES = 100;

/** A time in milliseconds as `--ttl` takes it. */
export function duration(ms: number): string {
  for (const [unit, size] of [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000]] as const) {
    if (ms > 0 && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms / 1000}s`;
}

/** Refuses more than a host without a vote may make. @throws {NetsvcError} `invalid` */
export function capTerms({ ttl, uses }: NewTokenTerms): void {
  if (ttl > CLIENT_TTL_MS) {
    throw new NetsvcError(
      "invalid",
      `Invalid --ttl ${
        duration(ttl)
      }: a token made on a host without a vote lasts 24h at most; make it on a voter ("netsvc cluster status")`,
    );
  }
  if (uses > CLIENT_USES) {
    throw new NetsvcError(
      "invalid",
      `Invalid --uses ${uses}: a token made on a host without a vote is for ${CLIENT_USES} hosts at most; make it on a voter ("netsvc cluster status")`,
    );
  }
}

/** While another authority takes the place of the cluster's a token would carry the fingerprint of one that goes. */
async function refuseMeanwhile(store: Reads): Promise<void> {
  const { record } = await rollovers.get(new ScopedStore(store, "public/"));
  if (!record || record.phase === "drop") return;
  throw new NetsvcError(
    "conflict",
    `The cluster gets another authority just now, and join tokens again when that is over; see "netsvc cluster status"`,
  );
}

/** @param store the whole of `netsvc-cluster`, opened as a voter */
export async function newToken(
  terms: NewTokenTerms & { by?: string },
  { store, paths, endpoints }: {
    store: Reads;
    paths: ClusterPaths;
    endpoints: readonly { host: string }[];
  },
): Promise<NewToken> {
  await refuseMeanwhile(store);
  const { fingerprint } = await Authority.read(paths);
  const tokens = new Tokens(new ScopedStore(store, "secret/"));
  const { secret, record: { id, created, expires, uses } } = await tokens.create(terms);
  // A change that has begun meanwhile has removed all tokens that it saw.
  await refuseMeanwhile(store).catch(async (error) => {
    await tokens.remove(id).catch(() => {}); // It was removed already, or nobody knows its secret.
    throw error;
  });
  const addresses = endpoints.map(({ host }) => hostPort({ host, port: JOIN_PORT }));
  return {
    id,
    created,
    expires,
    uses,
    token: formatToken({ kind: "own", fingerprint, id, secret, addresses }),
  };
}

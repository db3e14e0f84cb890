/**
 * Begins a change of authorities, on a voter.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { Authority } from "../../control/authority.ts";
import { createPeerAuthority, readPeerAuthority } from "../../control/peer_authority.ts";
import {
  memberHosts,
  type RolloverRecord,
  rollovers,
  voterFollowed,
} from "../../control/records.ts";
import type { Reads } from "../../control/scoped_store.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { readNextKeys, removeNextKeys, writeNextKeys } from "./next_keys.ts";

/** Voters that have the keys say so sooner, in milliseconds. */
const LOST_MS = 60_000;

/** What is seen before it begins. */
export interface BeginFacts {
  /** Members of etcd, with the names of their hosts. */
  voters: readonly { name: string; learner: boolean; well: boolean }[];
  /** Names of the hosts whose daemons are down. */
  down: readonly string[];
  force: boolean;
}

/** Why it can't begin now, and what to do; `undefined`: it can. Pure. */
export function whyNotBegin({ voters, down, force }: BeginFacts): string | undefined {
  const cannot = "Cannot change the cluster's authority: ";
  const unwell = voters.find(({ well }) => !well);
  if (unwell) {
    return `${cannot}the voter ${unwell.name} isn't well; bring it back first, or wait until another one votes in its place ("netsvc cluster status")`;
  }
  const learner = voters.find((one) => one.learner);
  if (learner) return `${cannot}${learner.name} is about to vote; try again in a moment`;
  if (down.length === 0 || force) return undefined;
  return `${cannot}${down.join(", ")} ${
    down.length === 1 ? "is" : "are"
  } down, and would know only the old one when back; start ${
    down.length === 1 ? "it" : "them"
  } first, or put ${down.length === 1 ? "it" : "them"} out of the cluster with -f`;
}

/** Where it begins. */
export interface BeginParts {
  /** The public part of the cluster's store, as a voter may write it. */
  store: Reads;
  paths: ClusterPaths;
  /** Of the cluster, and of this host. */
  cluster: string;
  self: string;
}

/**
 * Makes the new authorities and writes the change down, unless one is under way.
 *
 * @returns what is under way now
 */
export async function beginRollover(
  { store, paths, cluster, self }: BeginParts,
): Promise<RolloverRecord> {
  const { record, check } = await rollovers.get(store);
  if (record && !await isOrphan(store, { record, paths })) return record;
  const [authority, peers] = await Promise.all([
    Authority.create(cluster, Date.now()),
    createPeerAuthority(cluster),
  ]);
  const before = {
    hosts: (await Authority.read(paths)).certificate,
    peers: (await readPeerAuthority(paths)).certificate,
  };
  const next = { hosts: authority.certificate, peers: peers.certificate };
  // Before the record: who finds it has to find them, too.
  await writeNextKeys(paths, { next, keys: { hosts: authority.key, peers: peers.key } });
  const begun: RolloverRecord = {
    v: 1,
    id: crypto.getRandomValues(new Uint8Array(8)).toHex(),
    begun: Date.now(),
    by: self,
    phase: "keys",
    next,
    before,
  };
  const { ok } = await store.commit({ checks: [check], puts: [rollovers.put(begun)] });
  if (ok) return begun;
  const { record: other } = await rollovers.get(store);
  if (other) return other;
  await removeNextKeys(paths);
  throw new NetsvcError(
    "conflict",
    "Another change of the authority has just ended; look, and try again",
  );
}

/** Whether the voter that made the keys has lost them before another one got them, so that nobody can go on with it. */
async function isOrphan(
  store: Reads,
  { record, paths }: { record: RolloverRecord; paths: ClusterPaths },
): Promise<boolean> {
  const { id, phase, by, next, begun } = record;
  // Nobody trusts these authorities yet, so that others in their place do no harm.
  if (phase !== "keys" || await readNextKeys(paths, next)) return false;
  const told = await voterFollowed.list(store, "followed/");
  if (told.some(({ rollover }) => rollover === id)) return false;
  const { record: maker } = await memberHosts.get(store, by);
  return maker === undefined || Date.now() - begun > LOST_MS;
}

/**
 * The new authorities' keys on a voter: made on one, and fetched by the others from one that has them, over TLS. They are
 * never in the store: who has stolen the old authority's key could read them there.
 *
 * @module
 */
import { certificateOf } from "../../../../lib/x509/x509.ts";
import { NetsvcError, toNetsvcError } from "../../../../lib/api/errors.ts";
import type { RolloverRecord } from "../../control/records.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { writeWhole } from "../../files/write_file.ts";
import type { AuthorityKeys, Vote } from "../duties.ts";
import { VoterClient } from "../voter_client.ts";

/** Certificates that the keys are to be of. */
type Next = RolloverRecord["next"];

async function readKey(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
}

/** Whether a key is that of a certificate; a file that was damaged is none. */
async function fits(certificate: string, key: string | undefined): Promise<boolean> {
  if (key === undefined) return false;
  return await certificateOf(certificate, key).then((found) => found !== undefined, () => false);
}

/** The new keys, where this voter has both: beside the old ones, or in their place. */
export async function readNextKeys(
  paths: ClusterPaths,
  next: Next,
): Promise<AuthorityKeys | undefined> {
  const find = async (certificate: string, files: string[]) => {
    for (const file of files) {
      const key = await readKey(file);
      if (await fits(certificate, key)) return key;
    }
    return undefined;
  };
  const hosts = await find(next.hosts, [paths.nextCaKey, paths.caKey]);
  const peers = await find(next.peers, [paths.nextPeerCaKey, paths.peerCaKey]);
  return hosts !== undefined && peers !== undefined ? { hosts, peers } : undefined;
}

/** Asks voters for them, one after the other. @throws {NetsvcError} what the last one said */
export async function askOthers(
  paths: ClusterPaths,
  addresses: readonly string[],
): Promise<AuthorityKeys> {
  let failure = new NetsvcError("unavailable", "No other voter has the new authorities' keys");
  for (const address of addresses) {
    try {
      return await new VoterClient(paths, () => [address]).askKeys();
    } catch (error) {
      failure = toNetsvcError(error);
    }
  }
  throw failure;
}

/** Keeps them beside the old ones. @throws {NetsvcError} `invalid` for keys that aren't those of the new authorities */
export async function writeNextKeys(
  paths: ClusterPaths,
  { next, keys }: { next: Next; keys: AuthorityKeys },
): Promise<void> {
  if (!await fits(next.hosts, keys.hosts) || !await fits(next.peers, keys.peers)) {
    throw new NetsvcError("invalid", "The keys are not those of the cluster's new authorities");
  }
  await writeWhole(paths.nextCaKey, keys.hosts);
  await writeWhole(paths.nextPeerCaKey, keys.peers);
}

/** Whether the new ones are those that this voter signs with. */
export async function signsWithNext(paths: ClusterPaths, next: Next): Promise<boolean> {
  return await fits(next.hosts, await readKey(paths.caKey)) &&
    await fits(next.peers, await readKey(paths.peerCaKey));
}

/** Signs with the new ones from now on. */
export async function useNextKeys(
  paths: ClusterPaths,
  { next, keys }: { next: Next; keys: AuthorityKeys },
): Promise<void> {
  if (await signsWithNext(paths, next)) return;
  await writeWhole(paths.caKey, keys.hosts);
  await writeWhole(paths.peerCaKey, keys.peers);
}

/** There is nothing that they are for any more. */
export async function removeNextKeys({ nextCaKey, nextPeerCaKey }: ClusterPaths): Promise<void> {
  for (const path of [nextCaKey, nextPeerCaKey]) {
    await Deno.remove(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

/** The keys, for another host. @throws {NetsvcError} `unauthorized` for one that is no voter, or only learns */
export async function keysFor(
  host: string,
  { votes, rollover }: {
    votes: readonly Vote[];
    rollover: { keys(): Promise<AuthorityKeys> } | undefined;
  },
): Promise<AuthorityKeys> {
  if (rollover && votes.some((one) => one.host === host && one.part !== "learner")) {
    return await rollover.keys();
  }
  throw new NetsvcError("unauthorized", "This host is no voter");
}

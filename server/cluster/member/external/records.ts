/**
 * What a store that was there before has about the cluster on it: beside networks and services, below `cluster/`. Who has
 * the store's login reads and writes all of it; it is for order among hosts that trust each other.
 *
 * @module
 */
import { deadline } from "../../../../lib/async/deadline.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { clusterRecords, type HostRecord, memberHosts } from "../../control/records.ts";
import { type Reads, ScopedStore } from "../../control/scoped_store.ts";
import { Tokens } from "../../control/tokens.ts";
import type { NewHost } from "../init.ts";

/** Beginning of its keys. */
const PREFIX = "cluster/";
/** Attempts of a transaction that others come before. */
const ATTEMPTS = 20;
/** Time for the store to answer, in milliseconds. */
const ANSWER_MS = 30_000;

/** The cluster's part of a store. */
export function clusterPart(store: Reads): ScopedStore {
  return new ScopedStore(store, PREFIX);
}

function recordOf({ id, name, address }: NewHost, token: string): Omit<HostRecord, "v"> {
  // The store's certificates are no host's: there is nothing to revoke, and nothing that netsvc would renew.
  return { id, name, address, issued: [], key: "", until: 0, joined: Date.now(), token };
}

/**
 * Writes down a new cluster. A host that has died after that finds it again.
 *
 * @returns id of the cluster
 * @throws {NetsvcError} `exists` where the store has one
 */
export async function writeCluster(part: Reads, host: NewHost): Promise<string> {
  const { record, check } = await deadline(clusterRecords.get(part), ANSWER_MS);
  if (record) {
    const hosts = await memberHosts.list(part, "hosts/");
    if (hosts.length === 1 && hosts[0]!.id === host.id) return record.id;
    throw exists(record.id);
  }
  const id = crypto.getRandomValues(new Uint8Array(32)).toHex();
  const puts = [
    clusterRecords.put({ id, created: Date.now() }),
    memberHosts.put(recordOf(host, "init"), host.id),
  ];
  const { ok } = await deadline(part.commit({ checks: [check], puts }), ANSWER_MS);
  if (ok) return id;
  throw exists((await clusterRecords.get(part)).record?.id ?? "");
}

function exists(id: string): NetsvcError {
  return new NetsvcError(
    "exists",
    `This store has cluster ${
      id.slice(0, 8)
    } already; "netsvc cluster token create" on one of its hosts makes a ` +
      `token to join it, another prefix in the URL another cluster`,
  );
}

/** Spends a token and writes the host down, in one transaction. @returns how many hosts there are */
export async function writeJoined(
  part: Reads,
  { host, token, cluster }: {
    host: NewHost;
    token: { id: string; secret: string };
    cluster: string;
  },
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { record } = await deadline(clusterRecords.get(part), ANSWER_MS);
    if (record?.id !== cluster) {
      throw new NetsvcError(
        "unauthorized",
        "The store of the join token has another cluster by now, or none; ask for a new token",
      );
    }
    const { record: known, check } = await memberHosts.get(part, host.id);
    const hosts = await memberHosts.list(part, "hosts/");
    // It has lost the answer, or died before it kept it.
    if (known?.token === token.id) return hosts.length;
    const spent = await new Tokens(new ScopedStore(part, "secret/")).spend(token);
    refuseTaken(host, hosts);
    const { ok } = await part.commit({
      checks: [check, { ...spent.check, key: `secret/${spent.check.key}` }],
      puts: [
        memberHosts.put(recordOf(host, token.id), host.id),
        { ...spent.put, key: `secret/${spent.put.key}` },
      ],
    });
    if (ok) return hosts.length + (known ? 0 : 1);
  }
  throw new NetsvcError("conflict", "Many hosts join with one token; try again in a moment");
}

function refuseTaken({ id, name, address }: NewHost, hosts: readonly HostRecord[]): void {
  for (const other of hosts) {
    if (other.id === id) continue;
    const sameName = other.name.toLowerCase() === name.toLowerCase();
    if (!sameName && other.address !== address) continue;
    throw new NetsvcError(
      "exists",
      `A host of the cluster has the ${sameName ? `name "${name}"` : `address ${address}`} already${
        sameName ? "" : ` (${other.name})`
      }; join with ${sameName ? "--name" : "--advertise"} and another one`,
    );
  }
}

/** Forgets a host; with the last one, the cluster. @returns whether there was one */
export async function forgetHost(part: Reads, id: string): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { record, check } = await memberHosts.get(part, id);
    if (!record) return false;
    const hosts = await memberHosts.list(part, "hosts/");
    const last = hosts.every((other) => other.id === id);
    const { ok } = await part.commit({
      checks: [check],
      deletes: [memberHosts.key(id), ...last ? [clusterRecords.key()] : []],
    });
    if (ok) return true;
  }
  throw new NetsvcError(
    "conflict",
    "The host's record changes all the time; try again in a moment",
  );
}

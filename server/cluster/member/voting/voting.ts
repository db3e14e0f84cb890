/**
 * This host's part in the votes of its cluster: it says what it could do, follows who votes, and becomes a voter, or
 * stops being one, while it runs.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Entry, Store } from "../../../../kv/store.ts";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { errorChain, isAway, NetsvcError } from "../../../../lib/api/errors.ts";
import { createRequest } from "../../../../lib/x509/x509.ts";
import { writePeerFiles } from "../../control/peer_authority.ts";
import { hostFacts, type HostRecord, memberHosts } from "../../control/records.ts";
import type { EtcdChild } from "../../etcd/etcd_child.ts";
import type { VotingHost } from "../../etcd/voters/observed.ts";
import { OwnVote } from "../../etcd/voters/own_vote.ts";
import type { ClusterFile, ClusterState } from "../../files/cluster_file.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT } from "../../files/ports.ts";
import { writeWhole } from "../../files/write_file.ts";
import { openAdmin } from "../own_etcd.ts";
import type { GrantedVote } from "../duties.ts";

const log = getLogger(["netsvc", "cluster"]);
/** How often this host looks whether what it says of itself is still so, in milliseconds. */
const FACTS_MS = 10_000;
/** How often it looks whether the store still has it, in milliseconds. */
const FACTS_STAY_MS = 60_000;
const FACTS_AGAIN_MS = 2_000;

/** What {@linkcode Voting} works with. */
export interface VotingParts {
  file: ClusterFile;
  state: ClusterState;
  /** The public part of the store, as this host may use it. */
  store: Store;
  child: EtcdChild;
  /** Asks a voter for what this host needs to be one. */
  ask: (request: string) => Promise<GrantedVote>;
  /** Called when the servers of the store are others. */
  onEndpoints: (endpoints: readonly Endpoint[]) => Promise<void>;
  /** Called when this host has a vote, or has none any more. */
  onRole: (role: "voter" | "client") => Promise<void>;
}

/** Says what this host could do, and follows. */
export class Voting implements AsyncDisposable {
  readonly #parts: VotingParts;
  readonly #vote: OwnVote;
  readonly #since = Date.now();
  /** What the store had last, and when, of `performance.now()`. */
  #told: { etcd: string | undefined; at: number } | undefined;
  #timer: number | undefined;
  #closed = false;

  constructor(parts: VotingParts) {
    this.#parts = parts;
    const { file: { paths }, state, store, child } = parts;
    this.#vote = new OwnVote({
      self: state.host.id,
      cluster: state.cluster.id,
      store,
      child,
      note: `${paths.directory}/etcd.member`,
      address: () => state.host.address,
      prepare: (anew) => this.#prepare(anew),
      isMember: () => this.#isMember(),
      onEndpoints: parts.onEndpoints,
      onRole: parts.onRole,
    });
  }

  begin(): void {
    this.#vote.begin();
    void this.#tellFacts();
  }

  /** Says what this host could do, where that isn't what it has said last. */
  async #tellFacts(): Promise<void> {
    const { store, state: { host }, child } = this.#parts;
    let next = FACTS_MS;
    try {
      // One that couldn't be started is none.
      const fitting = await child.fittingProgram().catch(() => undefined);
      const etcd = fitting?.program.version.join(".");
      const now = performance.now();
      if (this.#told?.etcd === etcd && now - (this.#told?.at ?? -Infinity) < FACTS_STAY_MS) return;
      const { record, check } = await hostFacts.get(store, host.id);
      if (record?.etcd !== etcd || record?.since !== this.#since) {
        const facts = { since: this.#since, ...etcd !== undefined && { etcd } };
        await store.commit({ checks: [check], puts: [hostFacts.put(facts, host.id)] });
      } else this.#told = { etcd, at: now };
    } catch (error) {
      if (!isAway(error)) log.debug("{cause}", { cause: errorChain(error).join(": ") });
      next = FACTS_AGAIN_MS;
    } finally {
      if (!this.#closed) this.#timer = setTimeout(() => void this.#tellFacts(), next);
    }
  }

  /** Fetches what a voter has besides a host: its certificate, the authority's key, and what is revoked. */
  async #prepare(anew: boolean): Promise<void> {
    const { file: { paths }, state: { host }, ask } = this.#parts;
    if (!anew && await isThere(paths.voterCertificate)) return;
    // The key is kept for the answer that was lost.
    const kept = await Deno.readTextFile(paths.voterKey).catch(() => undefined);
    const { request, key } = await createRequest(`voter-${host.id}`, kept);
    if (kept === undefined) await writeWhole(paths.voterKey, key);
    const { certificate, authorityKey, peerAuthority: authority, revoked } = await ask(request);
    await writeWhole(paths.caKey, authorityKey);
    await writePeerFiles(paths, { authority, id: host.id, address: host.address });
    await writeWhole(paths.crl, Uint8Array.fromBase64(revoked));
    await writeWhole(paths.voterCertificate, certificate); // Last: then all is there.
  }

  /** Whether etcd's members count this host among them. */
  async #isMember(): Promise<boolean | undefined> {
    const { file: { paths }, state: { host, store } } = this.#parts;
    if (store.kind !== "own" || !await isThere(paths.voterCertificate)) return false;
    using admin = await openAdmin(paths, store.endpoints);
    try {
      const { members } = await admin.call("Cluster/MemberList", {});
      return members.some(({ name }) => name === host.id);
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "unauthorized") return false;
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#vote[Symbol.asyncDispose]();
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** What a voter has and a host hasn't. */
export async function removeVoterFiles({ paths }: ClusterFile): Promise<void> {
  const { voterCertificate, voterKey, caKey, crl, peerCa, peerCaKey, peerCertificate, peerKey } =
    paths;
  const { nextCaKey, nextPeerCaKey } = paths;
  const own = [voterCertificate, voterKey, caKey, peerCaKey, peerCa, peerCertificate, peerKey, crl];
  for (const path of [...own, nextCaKey, nextPeerCaKey]) {
    await Deno.remove(path).catch(() => {}); // It may not be there.
  }
}

/**
 * Since when a host counts as up: never from before the voters took it in, nor from a day that is to come, whatever it
 * says. Pure.
 */
export function sinceWhen(joined: number, said: number | undefined, now = Date.now()): number {
  return Math.max(joined, Math.min(said ?? joined, now));
}

/** The hosts of the cluster, as the voters' plan takes them. */
export async function votingHosts(
  store: Pick<Store, "list">,
  alive: () => Promise<Set<string>>,
): Promise<VotingHost[]> {
  const [hosts, own, living] = await Promise.all([
    memberHosts.list(store, "hosts/"),
    store.list("self/"),
    alive(),
  ]);
  return votingHostsFrom(hosts, { own, living });
}

/**
 * Pure.
 *
 * @param own what hosts have written about themselves: entries below `self/`
 * @param living ids of the hosts that are there
 */
export function votingHostsFrom(
  hosts: readonly Pick<HostRecord, "id" | "address" | "joined">[],
  { own, living }: { own: readonly Entry[]; living: ReadonlySet<string> },
): VotingHost[] {
  const said = new Map(own.map((entry) => [entry.key, entry]));
  return hosts.map(({ id, address, joined }) => {
    const facts = hostFacts.read(said.get(hostFacts.key(id)));
    return {
      id,
      client: { host: address, port: ETCD_CLIENT_PORT },
      peer: { host: address, port: ETCD_PEER_PORT },
      since: sinceWhen(joined, facts?.since),
      up: living.has(id),
      etcd: facts?.etcd,
    };
  });
}

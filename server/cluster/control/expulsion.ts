/**
 * Puts hosts out, in an order that can be gone through again: whoever dies half-way leaves a host that is to be put out
 * once more. Refuses what would cost the cluster its store, whoever asks for it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { clientEndpoint, type EtcdMembers, type Member } from "../../../kv/etcd/admin/members.ts";
import type { Check } from "../../../kv/store.ts";
import { isAway, NetsvcError } from "../../../lib/api/errors.ts";
import { backoff } from "../../../lib/async/backoff.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { shortId } from "../../../lib/api/names.ts";
import { putHostOut, type Users } from "./access.ts";
import { certificates, type HostRecord, memberHosts, requests, revoked } from "./records.ts";
import { type Reads, ScopedStore } from "./scoped_store.ts";
import { Tokens } from "./tokens.ts";
import { memberUrl } from "../etcd/arguments.ts";
import { ETCD_PEER_PORT } from "../files/ports.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Time that a voter may take to say what it is, in milliseconds. */
const STATUS_MS = 1_500;
/** The host's record may change meanwhile: a certificate that is signed anew must be revoked, too. */
const ATTEMPTS = 10;
/** And another voter may end this one's connection; more often than this, and the store is away. */
const BREAKS = 4;
/** Longest pause after that, in milliseconds. */
const LONGEST_MS = 1_000;

/** What came of putting a host out. */
export interface Expelled {
  expelled: boolean;
  /** Ids of the join tokens that went with it. */
  tokens: string[];
}

/** A member of etcd's as the guard sees it. */
export interface SeenMember {
  member: string;
  /** Id of its host; empty for one that hasn't started. */
  host: string;
  learner: boolean;
  /** It answers, and knows the leader. */
  well: boolean;
}

/** Who is to go, and who says so. */
export interface ExpelQuestion {
  target: Pick<HostRecord, "id" | "name">;
  /** Id of the host that asks; `undefined`: the voter itself that does it. */
  by: string | undefined;
  members: readonly SeenMember[];
  /** Names of the hosts, by id. */
  names: ReadonlyMap<string, string>;
}

/** Why a host can't be put out now, and what to do instead; `undefined`: it can. Pure. */
export function whyNotExpel({ target, by, members, names }: ExpelQuestion): string | undefined {
  const voting = members.filter(({ learner }) => !learner);
  if (!voting.some(({ host }) => host === target.id)) return undefined;
  const others = voting.filter(({ host }) => host !== target.id);
  const cannot = `Cannot remove host ${target.name}: `;
  if (others.length === 0) {
    return `${cannot}it is the cluster's only voter, and the store would go with it; let the other hosts leave first, ` +
      `or join hosts until there are 3, of which others vote, too ("netsvc cluster status")`;
  }
  const asksForAnother = by !== undefined && by !== target.id;
  if (asksForAnother && !voting.some(({ host }) => host === by)) {
    const voter = (others.find(({ well }) => well) ?? others[0]!).host;
    return `${cannot}it is a voter, and only voters remove one; say "netsvc host rm ${target.name}" on host ${
      names.get(voter) ?? shortId(voter)
    }`;
  }
  const well = others.filter((one) => one.well).length;
  if (well > others.length / 2) return undefined;
  return `${cannot}it is a voter, and of the other ${others.length} only ${well} answer${
    well === 1 ? "s" : ""
  }; bring those back first, or, if they are gone for good, say "netsvc cluster recover" on a voter that is there`;
}

/** What {@linkcode Expulsion} works with. */
export interface ExpulsionParts {
  /** The whole of `netsvc-cluster`, opened as a voter. */
  store: Reads;
  /** Id of the host that does it, where no other asks. */
  self: string;
  users: Users;
  members: Pick<EtcdMembers, "list" | "remove" | "status">;
}

/** Puts hosts out. */
export class Expulsion {
  readonly #parts: ExpulsionParts;
  readonly #public: ScopedStore;
  readonly #tokens: Tokens;

  constructor(parts: ExpulsionParts) {
    this.#parts = parts;
    this.#public = new ScopedStore(parts.store, "public/");
    this.#tokens = new Tokens(new ScopedStore(parts.store, "secret/"));
  }

  /**
   * Goes through all steps again where a connection breaks, as they do when another voter ends those of who is out.
   *
   * @param by id of the host that asks, where another one does
   * @throws {NetsvcError} `in_use`, and has changed nothing; what the store does when it stays away
   */
  async expel(host: string, by?: string): Promise<Expelled> {
    const gone = new Set<string>();
    let begun = false;
    for (let failures = 0, attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const { record, check } = await memberHosts.get(this.#public, host);
        // Only what was taken in can be put out: what is no host's may be a user or a member that others need.
        if (!record) return { expelled: begun, tokens: [...gone] };
        await this.#takeMember(record, by);
        begun = true;
        if (!await this.#forget({ record, check, by }, gone)) continue;
        return { expelled: true, tokens: [...gone] };
      } catch (error) {
        if (!isAway(error) || ++failures === BREAKS) throw error;
        await sleep(backoff(failures, { longest: LONGEST_MS }));
      }
    }
    throw new NetsvcError("conflict", "The host's record changes all the time; try again");
  }

  /** @param gone to which ids of tokens are added @returns whether its record was as it is in `known` */
  async #forget(
    { record, check, by = this.#parts.self }: {
      record: HostRecord;
      check: Check;
      by: string | undefined;
    },
    gone: Set<string>,
  ): Promise<boolean> {
    const removeTokens = async () => {
      for (const token of await this.#tokens.removeOf(record)) gone.add(token);
    };
    const { id: host } = record;
    await removeTokens();
    await putHostOut(this.#parts.users, host);
    for (const { key } of await this.#public.list(`self/${host}/`)) {
      await this.#public.commit({ deletes: [key] });
    }
    // Last, and at once: what was revoked has voters end connections, their own ones, too.
    const at = Date.now();
    const { ok } = await this.#public.commit({
      checks: [check],
      puts: record.issued.map(({ serial }) => revoked.put({ serial, host, at, by }, serial)),
      deletes: [memberHosts.key(host), certificates.key(host), requests.key(host)],
    });
    if (!ok) return false;
    // Those that it made while it went out.
    await again(removeTokens);
    return true;
  }

  /** Takes its part in etcd away, where it has one, which needs the others' majority: so it is done first. */
  async #takeMember(target: HostRecord, by: string | undefined): Promise<void> {
    const { members } = this.#parts;
    const all = await members.list();
    const hosts = await memberHosts.list(this.#public, "hosts/");
    const why = whyNotExpel({
      target,
      by,
      members: await Promise.all(all.map((member) => this.#see(member))),
      names: new Map(hosts.map(({ id, name }) => [id, name])),
    });
    if (why !== undefined) throw new NetsvcError("in_use", why);
    const peer = memberUrl({ host: target.address, port: ETCD_PEER_PORT });
    const own = all.find(({ name, peerUrls }) =>
      name === target.id || name === "" && peerUrls.includes(peer)
    );
    if (own) await members.remove(own.id);
  }

  async #see({ id, name, clientUrls, learner }: Member): Promise<SeenMember> {
    const at = clientEndpoint({ clientUrls });
    const status = at && await this.#parts.members.status(at, STATUS_MS).catch(() => undefined);
    return { member: id, host: name, learner, well: status?.leader !== undefined };
  }
}

/** Does something once more where a connection breaks. */
async function again(action: () => Promise<void>): Promise<void> {
  for (let failures = 1;; failures++) {
    try {
      return await action();
    } catch (error) {
      if (!isAway(error) || failures === BREAKS) throw error;
      await sleep(backoff(failures, { longest: LONGEST_MS }));
    }
  }
}

/** Says what a host took with it. */
export function tellExpelled(
  { name, id }: Pick<HostRecord, "name" | "id">,
  { tokens }: Expelled,
): void {
  log.info("Host {name} ({id}) is out{tokens}", {
    name,
    id: shortId(id),
    tokens: tokens.length === 0 ? "" : `, and with it join tokens ${tokens.join(", ")}`,
  });
}

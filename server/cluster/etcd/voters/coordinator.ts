/**
 * Gives votes to hosts and takes them away: the daemon of one voter at a time does it, whoever holds a key of the
 * store. Looks at what is, does one step, and looks again.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import { EtcdMembers } from "../../../../kv/etcd/admin/members.ts";
import type { Lease, Store } from "../../../../kv/store.ts";
import { errorChain, isAway, NetsvcError } from "../../../../lib/api/errors.ts";
import { memberUrl } from "../arguments.ts";
import { type Chore, planChore } from "./chores.ts";
import { mendAlarm } from "./alarms.ts";
import { type MemberRecord, MEMBERS_KEY } from "./member_record.ts";
import {
  hostsFrom,
  movedMembers,
  type ObservedMember,
  observeMembers,
  recordOf,
  Since,
  votersFrom,
  type VotingHost,
} from "./observed.ts";
import { Rounds } from "./rounds.ts";
import { planVoters, type VoterStep } from "./voter_plan.ts";

const log = getLogger(["netsvc", "cluster"]);

/** The key that the coordinator holds. */
export const COORDINATOR_KEY = "coordinator";
/** Pause between two looks, in milliseconds. */
const ROUND_MS = 2_000;
/** A coordinator that is gone is followed by another after this time, in milliseconds. */
const TTL_MS = 10_000;
/** A member may take so long to give its space back, in milliseconds. */
const DEFRAGMENT_MS = 60_000;

/** What {@linkcode Coordinator} works with. */
export interface CoordinatorOptions {
  /** This host's id. */
  self: string;
  /** The public part of the cluster's store, as a voter may write it. */
  store: Store;
  /** Opens connections to the members, with a voter's certificate. */
  open: () => AdminChannels | Promise<AdminChannels>;
  /** The hosts of the cluster. */
  hosts: () => Promise<readonly VotingHost[]>;
  /** After how many milliseconds a voter that is gone is replaced. */
  replaceAfter: number;
  /** Called with the hosts that have a vote, or are about to, when they are others: all else lose a voter's rights. */
  onVoters?: (hosts: readonly string[]) => Promise<void>;
}

/** Coordinates while it holds the key. */
export class Coordinator implements AsyncDisposable {
  readonly #options: CoordinatorOptions;
  readonly #since = new Since();
  #lease: Lease | undefined;
  readonly #rounds = new Rounds(
    () => this.#look().catch((error) => this.#tell(error)),
    ROUND_MS,
  );
  #told = "";
  #voters = "";

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** Whether this daemon is it. */
  get leads(): boolean {
    return this.#lease !== undefined;
  }

  /** Looks again and again from now on. */
  begin(): void {
    this.#rounds.beginAtOnce();
  }

  /** One look, and one step. Never fails. */
  round(): Promise<void> {
    return this.#rounds.run();
  }

  /** Says once what goes wrong again and again. */
  #tell(error: unknown): void {
    const why = errorChain(error).join(": ");
    if (why === this.#told) return;
    this.#told = why;
    const level = isAway(error) ? "debug" : "warn";
    log[level]("Cannot look after the cluster's voters: {why}", { why });
  }

  async #look(): Promise<void> {
    // All voters look, so that whoever follows knows since when a host is gone.
    const hosts = await this.#options.hosts();
    for (const { id, up } of hosts) this.#since.of(`gone ${id}`, !up);
    // A store that is full takes no key either; to mend it twice does no harm.
    const held = await this.#hold().catch((error) => {
      if (error instanceof NetsvcError && error.code === "exhausted") return "full";
      throw error;
    });
    if (!held) return;
    using channels = await this.#options.open();
    const members = new EtcdMembers(channels);
    for (const alarm of await members.alarms()) {
      await mendAlarm({ channels, members, hosts }, alarm);
    }
    if (held === "full") return;
    const observed = await observeMembers(members, hosts);
    await this.#publish(observed);
    await this.#tellVoters(observed);
    await tellMoved(members, observed);
    const voters = votersFrom(observed, this.#since);
    const versions = observed.flatMap(({ status }) => status?.version ?? []);
    const step = planVoters({
      hosts: hostsFrom(hosts, { since: this.#since, versions }),
      voters,
      replaceAfter: this.#options.replaceAfter,
    });
    if (step) await this.#take(step, { members, hosts, observed });
    else {
      const chore = planChore(observed);
      if (chore) await defragment(members, chore);
    }
    this.#told = "";
  }

  /** Takes the key, or has it already. */
  async #hold(): Promise<boolean> {
    const { store, self } = this.#options;
    if (this.#lease) return true;
    if (await store.get(COORDINATOR_KEY)) return false;
    const lease = await store.lease(TTL_MS);
    const { ok } = await store.commit({
      checks: [{ key: COORDINATOR_KEY, revision: null }],
      puts: [{ key: COORDINATOR_KEY, value: JSON.stringify({ host: self }), lease }],
    }).catch(async (error) => {
      await lease.revoke().catch(() => {});
      throw error;
    });
    if (!ok) {
      await lease.revoke();
      return false;
    }
    this.#lease = lease;
    lease.lost.then(() => {
      if (this.#lease === lease) this.#lease = undefined;
    });
    return true;
  }

  /** Tells all daemons of the members, where they aren't as they were. */
  async #publish(observed: readonly ObservedMember[]): Promise<void> {
    const { store } = this.#options;
    const members = recordOf(observed);
    if (members.length === 0) return;
    const value = JSON.stringify({ members } satisfies MemberRecord);
    const before = await store.get(MEMBERS_KEY);
    if (before?.value === value) return;
    await store.commit({
      checks: [{ key: MEMBERS_KEY, revision: before?.revision ?? null }],
      puts: [{ key: MEMBERS_KEY, value }],
    });
  }

  /** By what is seen and not by what was done: the answer to a removal may be lost. */
  async #tellVoters(observed: readonly ObservedMember[]): Promise<void> {
    const { onVoters, self } = this.#options;
    const hosts = recordOf(observed).map(({ host }) => host);
    // Whoever is out itself leaves that to the others.
    if (!onVoters || hosts.join() === this.#voters || !hosts.includes(self)) return;
    await onVoters(hosts);
    this.#voters = hosts.join();
  }

  async #take(
    step: VoterStep,
    { members, hosts, observed }: {
      members: EtcdMembers;
      hosts: readonly VotingHost[];
      observed: readonly ObservedMember[];
    },
  ): Promise<void> {
    // The step was planned from what may have taken a while to see.
    if (!this.#lease) return;
    const nameOf = (member: string) =>
      observed.find((one) => one.member.id === member)?.host?.id.slice(0, 12) ?? "an unknown host";
    if (step.do === "add") {
      const host = hosts.find(({ id }) => id === step.host)!;
      await members.addLearner(memberUrl(host.peer));
      log.info("The host {host} is about to vote", { host: host.id.slice(0, 12) });
    } else if (step.do === "promote") {
      const leader = observed.find(({ status }) => status && status.id === status.leader)?.host;
      if (!leader) return;
      try {
        await members.promote(step.member, leader.client);
      } catch (error) {
        if (/in sync with leader/.test(errorChain(error).join(": "))) return;
        throw error;
      }
      log.info("The host {host} votes", { host: nameOf(step.member) });
    } else {
      await members.remove(step.member);
      const { why } = step;
      log.info("The host {host} votes no more: {why}", { host: nameOf(step.member), why });
    }
    await this.#publish(await observeMembers(members, hosts));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
    await this.#lease?.revoke().catch(() => {}); // It ends by itself.
    this.#lease = undefined;
  }
}

/** Tells the members where those are that have another address. */
async function tellMoved(
  members: Pick<EtcdMembers, "move">,
  observed: readonly ObservedMember[],
): Promise<void> {
  for (const { member, url, host } of movedMembers(observed)) {
    await members.move(member, url);
    log.info("The etcd of host {host} is at {url} now", { host: host.slice(0, 12), url });
  }
}

async function defragment(members: EtcdMembers, { at, host, freed }: Chore): Promise<void> {
  await members.defragment(at, DEFRAGMENT_MS);
  log.info("Gave back {mib} MiB of the store's file of {host}", {
    mib: Math.round(freed / 1024 / 1024),
    host: host.slice(0, 12),
  });
}

/**
 * What is seen of etcd's members and of the hosts, as the voters' plan takes it.
 *
 * @module
 */
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import type { EtcdMembers, Member, MemberStatus } from "../../../../kv/etcd/admin/members.ts";
import { memberUrl } from "../arguments.ts";
import { fitsBeside, isAtLeast, parseVersion, type Version } from "../version.ts";
import type { RecordedMember } from "./member_record.ts";
import type { HostFacts, VoterFacts } from "./voter_plan.ts";

/** Time that a member may take to say how it is, in milliseconds. */
const STATUS_MS = 1_500;

/** A host as its record in the store has it. */
export interface VotingHost {
  id: string;
  /** Where its etcd listens, or would. */
  client: Endpoint;
  peer: Endpoint;
  /** Since when it is up by its own clock, in milliseconds since 1970. */
  since: number;
  /** Whether it is there now. */
  up: boolean;
  /** Version of its etcd; `undefined` where it has none. */
  etcd: string | undefined;
}

/** A member with what it says of itself. */
export interface ObservedMember {
  member: Member;
  host: VotingHost | undefined;
  status: MemberStatus | undefined;
}

/** Asks all members how they are. */
export async function observeMembers(
  members: Pick<EtcdMembers, "list" | "status">,
  hosts: readonly VotingHost[],
): Promise<ObservedMember[]> {
  return await Promise.all((await members.list()).map(async (member) => {
    const host = hosts.find(({ id, peer }) =>
      member.name === "" ? member.peerUrls.includes(memberUrl(peer)) : member.name === id
    );
    // One that hasn't started has no address yet.
    const status = host && member.name !== ""
      ? await members.status(host.client, STATUS_MS).catch(() => undefined)
      : undefined;
    return { member, host, status: status?.id === member.id ? status : undefined };
  }));
}

/** The members as all daemons are told of them. */
export function recordOf(observed: readonly ObservedMember[]): RecordedMember[] {
  return observed.flatMap(({ member, host }) =>
    host
      ? [{
        member: member.id,
        host: host.id,
        client: host.client,
        peer: host.peer,
        learner: member.learner,
      }]
      : []
  ).sort((a, b) => a.host < b.host ? -1 : 1);
}

/** Members whose hosts are at another address than the others speak to, and where they are. */
export function movedMembers(
  observed: readonly ObservedMember[],
): { member: string; host: string; url: string }[] {
  return observed.flatMap(({ member, host, status }) => {
    const url = host && memberUrl(host.peer);
    // It is there: where it answers its clients, it answers members.
    if (!host || !url || !status || member.peerUrls.includes(url)) return [];
    return [{ member: member.id, host: host.id, url }];
  });
}

/** For how long things have been as they are; by this process's own clock, which nobody sets. */
export class Since {
  readonly #begun = new Map<string, number>();

  /** Milliseconds since `is` was first so without a break. */
  of(key: string, is: boolean): number {
    if (!is) {
      this.#begun.delete(key);
      return 0;
    }
    const now = performance.now();
    const begun = this.#begun.get(key);
    if (begun === undefined) this.#begun.set(key, now);
    return begun === undefined ? 0 : now - begun;
  }
}

/** As the plan takes them. */
export function votersFrom(observed: readonly ObservedMember[], since: Since): VoterFacts[] {
  const leader = observed.find(({ status }) => status?.leader !== undefined)?.status?.leader;
  return observed.map(({ member, host, status }) => ({
    member: member.id,
    host: host?.id,
    learner: member.learner,
    healthy: status?.leader !== undefined && status.leader === leader,
    // Whether it has caught up, the leader says when it is asked to promote it.
    caughtUp: status !== undefined,
    leader: member.id === leader,
    learning: since.of(`learning ${member.id}`, member.learner),
  }));
}

/** As the plan takes them. @param version the lowest that a member runs */
export function hostsFrom(
  hosts: readonly VotingHost[],
  { since, versions }: { since: Since; versions: readonly string[] },
): HostFacts[] {
  return hosts.map(({ id, since: begun, up, etcd }) => ({
    id,
    since: begun,
    up,
    gone: since.of(`gone ${id}`, !up),
    able: fits(etcd, versions),
  }));
}

/** Whether an etcd can be a new member beside others. */
function fits(etcd: string | undefined, versions: readonly string[]): boolean {
  const own = etcd === undefined ? undefined : parseVersion(etcd);
  if (!own) return false;
  const lowest = versions.flatMap((text): Version[] => {
    const version = parseVersion(text);
    return version ? [version] : [];
  }).reduce((a: Version | undefined, b) => !a || isAtLeast(a, b) ? b : a, undefined);
  return lowest === undefined || fitsBeside(own, lowest);
}

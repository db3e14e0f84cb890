/**
 * The members of an etcd cluster, and what each says of itself.
 *
 * @module
 */
import { errorChain } from "../../../lib/api/errors.ts";
import { retry } from "../../../lib/async/retry.ts";
import type { Endpoint } from "../../url/url_parts.ts";
import type { AdminChannels } from "./admin_calls.ts";
import type { RawAlarm, RawMember } from "./admin_proto.ts";

/** Time that a member may take to say how it is before another one is asked, in milliseconds. */
const STATUS_MS = 2_000;

/** With pauses of a second: twice the time that etcd wants. */
const HEALTH_ATTEMPTS = 14;

/** etcd has refused, and done nothing. */
function isTooEarly(error: unknown): boolean {
  return errorChain(error).some((text) => text.includes("etcdserver: unhealthy cluster"));
}

/** A member. */
export interface Member {
  /** A decimal number. */
  id: string;
  /** Empty until it has started. */
  name: string;
  peerUrls: string[];
  /** Empty until it has started. */
  clientUrls: string[];
  /** It has no vote yet. */
  learner: boolean;
}

/** What a member says of itself. */
export interface MemberStatus {
  id: string;
  version: string;
  /** Id of the leader that it knows; `undefined` where it knows none. */
  leader: string | undefined;
  learner: boolean;
  /** Index of the last entry of its log. */
  index: number;
  /** Size of its database file, and what of that is in use, in bytes. */
  size: number;
  used: number;
}

function toMember({ ID, name, peerURLs, clientURLs, isLearner }: RawMember): Member {
  return { id: ID, name, peerUrls: peerURLs, clientUrls: clientURLs, learner: isLearner };
}

/** Where clients reach a member; `undefined` until it has started. */
export function clientEndpoint(
  { clientUrls: [url] }: Pick<Member, "clientUrls">,
): Endpoint | undefined {
  if (url === undefined) return undefined;
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Lists, adds, promotes and removes members. */
export class EtcdMembers {
  readonly #channels: AdminChannels;

  constructor(channels: AdminChannels) {
    this.#channels = channels;
  }

  async list(at?: Endpoint): Promise<Member[]> {
    const { members } = await this.#channels.call("Cluster/MemberList", {}, { ...at && { at } });
    return members.map(toMember);
  }

  /** Adds one that has no vote until it is promoted. @returns it */
  async addLearner(peerUrl: string): Promise<Member> {
    const request = { peerURLs: [peerUrl], isLearner: true };
    const { member } = await this.#channels.call("Cluster/MemberAdd", request, { once: true });
    return toMember(member);
  }

  /**
   * Gives a learner its vote.
   *
   * @param leader the member to ask: another one would ask it in its turn, without saying for whom, and be refused
   * @throws {NetsvcError} `internal` while it hasn't caught up
   */
  async promote(id: string, leader: Endpoint): Promise<void> {
    await this.#channels.call("Cluster/MemberPromote", { ID: id }, { once: true, at: leader });
  }

  /**
   * Takes a member out, by way of another one that answers now: the one that goes ends before it has told, and one that
   * is silent takes the time of a call that may not be made twice. etcd refuses it while a majority of those that would
   * stay is in touch for less than five seconds (`HealthInterval`): it is asked again for twice as long.
   */
  async remove(id: string): Promise<void> {
    const remove = async () => {
      const at = await this.#other(id);
      const options = { once: true, ...at && { at } };
      await this.#channels.call("Cluster/MemberRemove", { ID: id }, options);
    };
    await retry(remove, { longest: 1_000, attempts: HEALTH_ATTEMPTS, retryable: isTooEarly });
  }

  /** The first that answers and knows a leader. */
  async #other(id: string): Promise<Endpoint | undefined> {
    const others = (await this.list()).filter((one) => one.id !== id && !one.learner);
    const asked = others.map(async (member) => {
      const at = clientEndpoint(member);
      const status = at && await this.status(at, STATUS_MS);
      if (status?.leader === undefined) throw new Error("It follows nobody");
      return at;
    });
    // Where none does, whoever is asked says why.
    return await Promise.any(asked).catch(() => undefined);
  }

  /** Tells the others at which URL a member is. */
  async move(id: string, peerUrl: string): Promise<void> {
    const request = { ID: id, peerURLs: [peerUrl] };
    await this.#channels.call("Cluster/MemberUpdate", request, { once: true });
  }

  /** Asks one member; it answers without a quorum, too. */
  async status(at: Endpoint, ms?: number): Promise<MemberStatus> {
    const options = { at, ...ms !== undefined && { ms } };
    const raw = await this.#channels.call("Maintenance/Status", {}, options);
    return {
      id: raw.header.member_id,
      version: raw.version,
      leader: raw.leader === "0" ? undefined : raw.leader,
      learner: raw.isLearner,
      index: Number(raw.raftIndex),
      size: Number(raw.dbSize),
      used: Number(raw.dbSizeInUse),
    };
  }

  async alarms(): Promise<RawAlarm[]> {
    const request = { action: "GET", memberID: "0", alarm: "NONE" } as const;
    return (await this.#channels.call("Maintenance/Alarm", request)).alarms;
  }

  async disarm({ memberID, alarm }: RawAlarm): Promise<void> {
    await this.#channels.call("Maintenance/Alarm", { action: "DEACTIVATE", memberID, alarm });
  }

  /** Gives unused space of one member's file back; it answers nobody meanwhile. */
  async defragment(at: Endpoint, ms: number): Promise<void> {
    await this.#channels.call("Maintenance/Defragment", {}, { at, ms });
  }

  /** Has the leader, which must be asked, hand over to another member. */
  async moveLeader(at: Endpoint, to: string): Promise<void> {
    await this.#channels.call("Maintenance/MoveLeader", { targetID: to }, { at, once: true });
  }
}

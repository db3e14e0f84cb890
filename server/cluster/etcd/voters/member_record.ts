/**
 * The record of etcd's members in the store: what every daemon goes by. Pure.
 *
 * @module
 */
import { z } from "zod";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { memberUrl } from "../arguments.ts";

/** Its key, in the cluster's public part of the store. */
export const MEMBERS_KEY = "etcd";

const Place = z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65535) });
const Record = z.strictObject({
  members: z.array(z.strictObject({
    /** etcd's number of it. */
    member: z.string().regex(/^\d{1,20}$/),
    /** Id of its host. */
    host: z.string().min(1),
    client: Place,
    peer: Place,
    learner: z.boolean(),
  })).min(1).max(16),
});

/** The members. */
export type MemberRecord = z.output<typeof Record>;
/** One of them. */
export type RecordedMember = MemberRecord["members"][number];

/** Reads a record. @throws {NetsvcError} `invalid` */
export function parseMembers(text: string): MemberRecord {
  try {
    return Record.parse(JSON.parse(text));
  } catch (error) {
    throw new NetsvcError("invalid", "The cluster's list of etcd members can't be read", {
      cause: error,
    });
  }
}

/** Where clients ask: members that have a vote, since a learner answers none. */
export function clientEndpoints({ members }: MemberRecord): Endpoint[] {
  const voting = members.filter(({ learner }) => !learner);
  return (voting.length > 0 ? voting : members).map(({ client }) => client);
}

/** Peer URLs by name, for a first start. */
export function initialMembers({ members }: MemberRecord): { [host: string]: string } {
  return Object.fromEntries(members.map(({ host, peer }) => [host, memberUrl(peer)]));
}

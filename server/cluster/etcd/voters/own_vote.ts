/**
 * Follows the cluster's list of members on one host: endpoints of the store, and whether this host's own etcd runs. A
 * host that is named there has one, and one that isn't any more ends it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../../kv/store.ts";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { errorChain, isAway } from "../../../../lib/api/errors.ts";
import type { EtcdMember } from "../arguments.ts";
import type { EtcdChild } from "../etcd_child.ts";
import {
  clientEndpoints,
  initialMembers,
  type MemberRecord,
  MEMBERS_KEY,
  parseMembers,
  type RecordedMember,
} from "./member_record.ts";
import { Rounds } from "./rounds.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Pause between two looks, in milliseconds. */
const ROUND_MS = 1_000;

/** What {@linkcode OwnVote} works with. */
export interface OwnVoteOptions {
  /** This host's id. */
  self: string;
  /** Of the cluster. */
  cluster: string;
  /** The public part of the cluster's store. */
  store: Store;
  child: Pick<EtcdChild, "kept" | "running" | "hasData" | "retire" | "start">;
  /** Where to listen, if not at the host's address. */
  listen?: string;
  /** This host's address, which the list of members may not have yet; the list's unless given. */
  address?: () => string;
  /** A file that says which member the data is of. */
  note: string;
  /**
   * Fetches what a voter needs, before its etcd starts; does nothing where it is there.
   *
   * @param anew also where it is there: it may be of a vote that was taken away, and good no more
   */
  prepare: (anew: boolean) => Promise<void>;
  /** Asks the other members whether this host is one; `undefined` where they don't answer. */
  isMember: () => Promise<boolean | undefined>;
  /** Called with the servers of the store when they have changed. */
  onEndpoints: (endpoints: readonly Endpoint[]) => Promise<void> | void;
  /** Called when this host has a vote, or has one no more. */
  onRole: (role: "voter" | "client") => Promise<void> | void;
}

/** Keeps this host's part. */
export class OwnVote implements AsyncDisposable {
  readonly #options: OwnVoteOptions;
  readonly #rounds = new Rounds(() => this.#look(), ROUND_MS);
  #endpoints = "";
  #role: "voter" | "client" | undefined;
  #told = "";

  constructor(options: OwnVoteOptions) {
    this.#options = options;
  }

  /** Looks again and again from now on. */
  begin(): void {
    this.#rounds.begin();
  }

  /** One look. Never fails. */
  round(): Promise<void> {
    return this.#rounds.run();
  }

  async #look(): Promise<void> {
    try {
      await this.#follow();
      this.#told = "";
    } catch (error) {
      const why = errorChain(error).join(": ");
      if (why !== this.#told) {
        log[isAway(error) ? "debug" : "error"](
          "Cannot follow the cluster's list of voters: {why}",
          { why },
        );
      }
      this.#told = why;
    }
  }

  async #follow(): Promise<void> {
    const { store, self } = this.#options;
    const entry = await store.get(MEMBERS_KEY);
    // A cluster that is just being made has none yet.
    if (!entry || this.#rounds.closed) return;
    const record = this.#here(parseMembers(entry.value));
    await this.#tellEndpoints(record);
    const own = record.members.find(({ host }) => host === self);
    if (own) await this.#keep(record, own);
    else await this.#end();
  }

  /** The list with this host where it is: it knows that before all others, and has to tell them by its own etcd. */
  #here({ members }: MemberRecord): MemberRecord {
    const { self, address } = this.#options;
    if (!address) return { members };
    const at = (place: Endpoint) => ({ ...place, host: address() });
    return {
      members: members.map((one) =>
        one.host === self ? { ...one, client: at(one.client), peer: at(one.peer) } : one
      ),
    };
  }

  async #tellEndpoints(record: MemberRecord): Promise<void> {
    const endpoints = clientEndpoints(record);
    const text = JSON.stringify(endpoints);
    if (text === this.#endpoints) return;
    await this.#options.onEndpoints(endpoints);
    this.#endpoints = text;
  }

  async #keep(record: MemberRecord, own: RecordedMember): Promise<void> {
    const { child, note, self, cluster, listen, prepare } = this.#options;
    const noted = await Deno.readTextFile(note).catch(() => undefined);
    // Data of a vote that was taken away: another member has its name by now.
    if (noted !== undefined && noted !== own.member && await child.hasData()) {
      log.warn("This host has a new vote: what its etcd had is put aside");
      await child.retire();
    }
    if (!child.kept) {
      await prepare(noted !== own.member);
      const member: EtcdMember = {
        name: self,
        cluster,
        client: own.client,
        peer: own.peer,
        ...listen !== undefined && { listen },
        members: initialMembers(record),
        existing: true,
      };
      await child.start(member);
    }
    if (noted !== own.member) await Deno.writeTextFile(note, own.member, { mode: 0o600 });
    if (!own.learner) await this.#tellRole("voter");
  }

  async #end(): Promise<void> {
    const { child, note, isMember } = this.#options;
    const had = child.kept || child.running || await child.hasData();
    // The list is what a coordinator made of it: the members themselves have the last word.
    if (had && await isMember() !== false) return;
    if (had) {
      await child.retire();
      log.info("This host has no vote any more; its etcd has ended");
    }
    await Deno.remove(note).catch(() => {}); // It may not be there.
    await this.#tellRole("client");
  }

  async #tellRole(role: "voter" | "client"): Promise<void> {
    if (this.#role === role) return;
    await this.#options.onRole(role);
    this.#role = role;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }
}

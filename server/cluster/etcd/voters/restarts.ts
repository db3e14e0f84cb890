/**
 * Restarts this host's etcd in its turn: one voter at a time, while all others are well. For a new authority, for
 * certificates that were revoked, and for another version.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import { EtcdMembers } from "../../../../kv/etcd/admin/members.ts";
import type { Store } from "../../../../kv/store.ts";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { errorChain, isAway, NetsvcError } from "../../../../lib/api/errors.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import type { EtcdChild } from "../etcd_child.ts";
import { type ObservedMember, observeMembers, type VotingHost } from "./observed.ts";
import { Rounds } from "./rounds.ts";
import { LAST_WORDS, lastReason } from "../etcd_log.ts";
import { changesMinor, settleLog } from "./settle_log.ts";

const log = getLogger(["netsvc", "cluster"]);

/** The key that is held by the host whose etcd restarts. */
const RESTART_KEY = "restart";
/** Pause between two looks, in milliseconds. */
const ROUND_MS = 3_000;
/** A turn ends after this time at the latest, in milliseconds. */
const TTL_MS = 60_000;
/** An etcd may take so long to serve again, in milliseconds. */
const SERVE_MS = 45_000;
const POLL_MS = 200;

/** What {@linkcode Restarts} works with. */
export interface RestartOptions {
  self: string;
  /** The public part of the cluster's store, as a voter may write it. */
  store: Store;
  open: () => AdminChannels | Promise<AdminChannels>;
  hosts: () => Promise<readonly VotingHost[]>;
  child: EtcdChild;
  /** Saves the store before another minor version, from which there is no way back. */
  backup?: () => Promise<unknown>;
}

/** Restarts it when that is due. */
export class Restarts implements AsyncDisposable {
  readonly #options: RestartOptions;
  readonly #rounds = new Rounds(() => this.#look(), ROUND_MS);
  #told = "";

  constructor(options: RestartOptions) {
    this.#options = options;
  }

  /** Looks again and again from now on. */
  begin(): void {
    this.#rounds.begin();
  }

  /** One look, and a restart where it is due. */
  async #look(): Promise<void> {
    await this.#mend().catch((error) => {
      if (!isAway(error)) this.#say(errorChain(error).join(": "));
    });
  }

  async #mend(): Promise<void> {
    const { child } = this.#options;
    const stale = await child.stale();
    if (stale?.program && !stale.settings) {
      const { runs, would } = stale.program;
      this.#say(
        `etcd ${runs} runs, and ${would} is installed; take it with: netsvc cluster upgrade`,
      );
    }
    if (stale?.settings) await this.#restart({ upgrade: false });
  }

  #say(what: string): void {
    if (what !== this.#told) log.warn("{what}", { what });
    this.#told = what;
  }

  /**
   * Restarts it now, with the program that is installed.
   *
   * @throws {NetsvcError} `conflict` while another one restarts or isn't well, `unsupported` for a version that can't
   * follow the one that runs; nothing has happened then
   */
  restart(): Promise<void> {
    return this.#restart({ upgrade: true });
  }

  /** @param how with what is installed, or with the minor version that runs */
  async #restart(how: { upgrade: boolean }): Promise<void> {
    const { self, store, open, hosts, child } = this.#options;
    const observed = await this.#observe();
    const own = observed.find(({ member }) => member.name === self);
    refuseUnwell(observed, self);
    await child.checkRestart(how);
    const lease = await store.lease(TTL_MS);
    try {
      const { ok } = await store.commit({
        checks: [{ key: RESTART_KEY, revision: null }],
        puts: [{ key: RESTART_KEY, value: JSON.stringify({ host: self }), lease }],
      });
      if (!ok) {
        throw new NetsvcError("conflict", "Another host's etcd restarts just now; try again");
      }
      // What was seen before the turn began may be of another turn.
      refuseUnwell(await this.#observe(), self);
      if (how.upgrade) await this.#prepareUpgrade(own);
      if (own?.host) await handOver(open, observed, own.host.client);
      await child.restart(how);
      const at = own?.host?.client ?? (await hosts()).find(({ id }) => id === self)?.client;
      if (at) await this.#awaitService(at);
      log.info("Restarted etcd, version {version}", { version: child.version });
    } finally {
      await lease.revoke().catch(() => {}); // It ends by itself.
    }
  }

  /** Before another minor version: a backup, and a log that holds nothing that it can't read. */
  async #prepareUpgrade(own: ObservedMember | undefined): Promise<void> {
    const { child, store, open, backup } = this.#options;
    if (!await changesMinor(child)) return;
    await backup?.();
    if (own?.host) await settleLog({ child, store, open, at: own.host.client });
  }

  async #observe(): Promise<ObservedMember[]> {
    const { open, hosts } = this.#options;
    using channels = await open();
    return await observeMembers(new EtcdMembers(channels), await hosts());
  }

  async #awaitService(at: Endpoint): Promise<void> {
    const end = Date.now() + SERVE_MS;
    while (Date.now() < end) {
      // New connections each time: the old ones are of the process before.
      using channels = await this.#options.open();
      const status = await new EtcdMembers(channels).status(at, 1_000).catch(() => undefined);
      if (status?.leader !== undefined) return;
      await sleep(POLL_MS);
    }
    throw new NetsvcError(
      "timeout",
      `This host's etcd doesn't serve after its restart: ${
        lastReason(await this.#options.child.tail(LAST_WORDS))
      }`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }
}

/** While another voter isn't well, a restart could cost the majority. */
function refuseUnwell(observed: readonly ObservedMember[], self: string): void {
  const unwell = observed.find(({ member, status }) =>
    member.name !== self && !member.learner && status?.leader === undefined
  );
  if (!unwell) return;
  const name = unwell.host?.id.slice(0, 12) ?? unwell.member.name;
  throw new NetsvcError(
    "conflict",
    `The etcd of the host "${name}" isn't well, so this one can't be restarted; see: netsvc cluster status`,
  );
}

/** Has another member lead, where this one does: nobody waits for an election then. */
async function handOver(
  open: RestartOptions["open"],
  observed: readonly ObservedMember[],
  at: Endpoint,
): Promise<void> {
  const own = observed.find(({ host }) => host?.client === at);
  if (own?.status?.leader !== own?.member.id) return;
  const other = observed.find(({ member, status }) =>
    member !== own?.member && !member.learner && status
  );
  if (!other) return;
  using channels = await open();
  // An election does it as well.
  await new EtcdMembers(channels).moveLeader(at, other.member.id).catch(() => {});
}

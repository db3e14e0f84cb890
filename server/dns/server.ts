/**
 * Serves the names of sandboxes on sockets that live inside them, all on the calling thread.
 *
 * @module
 */
import { libc } from "../../lib/linux/libc.ts";
import { DatagramBatch } from "../../lib/linux/sockets/datagram_batch.ts";
import { leasePoller, type PollerLease } from "../../lib/linux/sockets/shared_poller.ts";
import { MAX_PAYLOAD, MAX_QUERY } from "./codec/codec.ts";
import { SharedLoop } from "./pace.ts";
import {
  type QueryKind,
  type ResolverSockets,
  Sandbox,
  type ServedSandbox,
  type Shared,
} from "./served_sandbox.ts";
import { Turns } from "./turns.ts";
import type { Forwarder } from "./upstream/forwarder.ts";
import type { WordRules } from "./zones/search.ts";
import type { View } from "./zones/view.ts";

/** Bounds of forwarded questions: of all sandboxes, and of one. */
const FORWARDED = { total: 1000, most: 100, least: 4, waiting: 200, patience: 2000 };
/** Queries of one sandbox that are answered in a row, before other sandboxes have their turn. */
const MAX_DRAINED = 32;

/** Options of {@linkcode ResolverServer}. */
export interface ResolverOptions {
  forwarder: Forwarder;
  /** How the host resolves single words. */
  words?: () => WordRules;
  /** Counts queries. */
  count?: (kind: QueryKind, queries: number) => void;
  /**
   * Called before queries are answered: takes the changes of names that have been told by now.
   *
   * @returns whether to answer from them
   */
  catchUp?: () => boolean;
}

/** Options of one sandbox. */
export interface SandboxOptions {
  forwarder?: Forwarder;
  /** The sandbox's search list. */
  search?: () => string[];
}

/** The resolver of all sandboxes. */
export class ResolverServer {
  readonly #shared: Shared;
  readonly #lease: PollerLease;

  constructor({ forwarder, words, count, catchUp }: ResolverOptions) {
    this.#lease = leasePoller();
    this.#shared = {
      poller: this.#lease.poller,
      // One byte more than a query may have, so that longer ones show.
      batch: new DatagramBatch(MAX_DRAINED, { received: MAX_QUERY + 1, answer: MAX_PAYLOAD }),
      forwarder,
      words: words ?? (() => ({ search: [], domainNeeded: false })),
      turns: new Turns(FORWARDED),
      loop: new SharedLoop(() => libc().sched_yield()),
      ...count && { count },
      ...catchUp && { catchUp },
    };
  }

  /** The forwarder to the host's resolvers. */
  get forwarder(): Forwarder {
    return this.#shared.forwarder;
  }

  /** Serves a sandbox on sockets that were opened inside it. */
  serve(
    sockets: ResolverSockets,
    view: View,
    { forwarder, search }: SandboxOptions = {},
  ): ServedSandbox {
    const { words } = this.#shared;
    return new Sandbox(sockets, view, {
      ...this.#shared,
      ...forwarder && { forwarder },
      ...search && { words: () => ({ ...words(), search: search() }) },
    });
  }

  /** Ends it, when no sandbox is served any more. */
  async close(): Promise<void> {
    await this.#lease.release();
  }
}

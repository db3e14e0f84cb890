/**
 * Serves the names of sandboxes on sockets that live inside them, all on the daemon's event loop.
 *
 * @module
 */
import { libc } from "../../lib/linux/libc.ts";
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

/** Options of {@linkcode ResolverServer}. */
export interface ResolverOptions {
  forwarder: Forwarder;
  /** How the host resolves single words. */
  words?: () => WordRules;
  /** Counts queries. */
  count?: (kind: QueryKind) => void;
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

  constructor({ forwarder, words, count }: ResolverOptions) {
    this.#shared = {
      forwarder,
      words: words ?? (() => ({ search: [], domainNeeded: false })),
      turns: new Turns(FORWARDED),
      loop: new SharedLoop(() => libc().sched_yield()),
      ...count && { count },
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
}

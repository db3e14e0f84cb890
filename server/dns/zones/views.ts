/**
 * What sandboxes' resolvers answer from, following the state: told as changes, since resolvers run on another thread.
 *
 * @module
 */
import { Signal } from "../../../lib/async/signal.ts";
import type { State } from "../../model/state.ts";
import { NamesFeed } from "./feed.ts";
import type { NamesChange } from "./names.ts";

/** The views of this host's containers. */
export class Views {
  readonly #feed: NamesFeed;
  /** Containers of which a service has changed since they were last announced. */
  readonly #stale = new Set<string>();
  /**
   * Announces the containers whose own services have changed: once at the end of a turn of the event loop, however
   * many changes come in it. What changes beside them in their networks, their views show by themselves.
   */
  readonly changed: Signal<readonly string[]> = new Signal();

  /** @param ttl time to live of answers, in seconds, where the network has no option `ttl` */
  constructor(state: State, ttl?: number) {
    const feed = this.#feed = new NamesFeed(state, ttl);
    feed.containers.subscribe((containers) => {
      const idle = this.#stale.size === 0;
      for (const id of containers) this.#stale.add(id);
      if (idle) queueMicrotask(() => this.#tell());
    });
  }

  #tell(): void {
    const stale = [...this.#stale];
    this.#stale.clear();
    this.changed.emit(stale);
  }

  /** Emits what has changed before the state's change returns, thus before a commit is answered. */
  get changes(): Signal<readonly NamesChange[]> {
    return this.#feed.changes;
  }

  /** Everything, for a copy that begins. */
  all(): NamesChange[] {
    return this.#feed.all();
  }
}

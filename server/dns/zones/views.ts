/**
 * What each sandbox's resolver answers from, following the state.
 *
 * @module
 */
import { Signal } from "../../../lib/async/signal.ts";
import type { State } from "../../model/state.ts";
import { NamesFeed } from "./feed.ts";
import { Names } from "./names.ts";
import type { View } from "./view.ts";

/** The views of this host's containers. */
export class Views {
  readonly #names = new Names();
  /** Containers of which a service has changed since they were last announced. */
  readonly #stale = new Set<string>();
  /**
   * Announces the containers whose own services have changed: once at the end of a turn of the event loop, however
   * many changes come in it. What changes beside them in their networks, their views show by themselves.
   */
  readonly changed: Signal<readonly string[]> = new Signal();

  /** @param ttl time to live of answers, in seconds, where the network has no option `ttl` */
  constructor(state: State, ttl?: number) {
    const feed = new NamesFeed(state, ttl);
    this.#names.apply(feed.all());
    feed.changes.subscribe((changes) => this.#names.apply(changes));
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

  /** The view of a container's resolver. */
  view(container: string): View {
    return this.#names.view(container);
  }
}

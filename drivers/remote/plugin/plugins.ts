/**
 * The plugins of a daemon: one {@linkcode Plugin} per name, for all that it implements.
 *
 * @module
 */
import { checkPluginName } from "./discovery.ts";
import { Plugin, type PluginOptions } from "./plugin.ts";

/** Names that are kept; the plugins of networks are far fewer, what is beyond are slips of the pen. */
const MAX_NAMES = 256;

/** Plugins by name. */
export class Plugins {
  readonly #options: PluginOptions;
  readonly #abort = new AbortController();
  readonly #plugins = new Map<string, Plugin>();

  constructor(options: Omit<PluginOptions, "signal"> = {}) {
    this.#options = { ...options, signal: this.#abort.signal };
  }

  /** The plugin of a name; nothing is looked for yet. @throws {NetsvcError} `invalid` */
  get(name: string): Plugin {
    checkPluginName(name);
    let plugin = this.#plugins.get(name);
    if (!plugin) {
      // The oldest name goes; if it is asked for again it is activated again.
      if (this.#plugins.size >= MAX_NAMES) {
        this.#plugins.delete(this.#plugins.keys().next().value!);
      }
      plugin = new Plugin(name, this.#options);
      this.#plugins.set(name, plugin);
    }
    return plugin;
  }

  /** Ends all calls under way. */
  close(): void {
    this.#abort.abort();
  }
}

/**
 * The plugins of a daemon: one {@linkcode Plugin} per name, for all that it implements.
 *
 * @module
 */
import { checkPluginName } from "./discovery.ts";
import { Plugin, type PluginOptions } from "./plugin.ts";

/** Names kept; networks use far fewer plugins, and beyond that names are typing errors. */
const MAX_NAMES = 256;

/** Plugins by name. */
export class Plugins {
  readonly #options: PluginOptions;
  readonly #abort = new AbortController();
  readonly #plugins = new Map<string, Plugin>();

  constructor(options: Omit<PluginOptions, "signal"> = {}) {
    this.#options = { ...options, signal: this.#abort.signal };
  }

  /** The plugin of a name; doesn't look for it yet. @throws {NetsvcError} `invalid` */
  get(name: string): Plugin {
    checkPluginName(name);
    let plugin = this.#plugins.get(name);
    if (!plugin) {
      // Drop the oldest name; its plugin is activated again when a caller asks for it again.
      if (this.#plugins.size >= MAX_NAMES) {
        this.#plugins.delete(this.#plugins.keys().next().value!);
      }
      plugin = new Plugin(name, this.#options);
      this.#plugins.set(name, plugin);
    }
    return plugin;
  }

  /** Aborts all calls in progress. */
  close(): void {
    this.#abort.abort();
  }
}

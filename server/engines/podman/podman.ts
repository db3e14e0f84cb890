/**
 * Podman: its service where there is one, else its command.
 *
 * @module
 */
import { podmanService } from "../docker/api_engine.ts";
import type { Engine } from "../engine.ts";
import { podmanCommand, type PodmanCommandOptions } from "./podman_command.ts";

/** Options of {@linkcode podmanEngine}. */
export interface PodmanOptions extends PodmanCommandOptions {
  /** Path of the service's socket. */
  socket?: string;
}

/** Podman. Which way is looked at anew each time; a watch stays with the one it began with. */
export function podmanEngine({ socket = "/run/podman/podman.sock", ...rest }: PodmanOptions = {}) {
  const service = podmanService(socket), command = podmanCommand(rest);
  const pick = async (): Promise<Engine> =>
    await Deno.stat(socket).then(() => true, () => false) ? service : command;
  const engine: Engine & Disposable = {
    name: "podman",
    find: async (reference) => await (await pick()).find(reference),
    watch: async (listener, signal) => await (await pick()).watch(listener, signal),
    [Symbol.dispose]: () => service[Symbol.dispose](),
  };
  return engine;
}

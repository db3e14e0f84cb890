/**
 * Podman: by its service where its socket exists, else by its command.
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

/** Chooses between service and command at each call; a watch keeps the one that it began with. */
export function podmanEngine({ socket = "/run/podman/podman.sock", ...rest }: PodmanOptions = {}) {
  const service = podmanService(socket);
  const command = podmanCommand(rest);
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

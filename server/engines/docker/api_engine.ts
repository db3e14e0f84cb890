/**
 * An engine behind a socket: Docker, or Podman's service. Both speak HTTP; paths and a word differ.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  type Engine,
  ENGINE_REFERENCE,
  type EngineEvent,
  type ForeignContainer,
} from "../engine.ts";
import { engineClient, engineGet, parseJson } from "./engine_get.ts";
import { ambiguous, eachEvent, readInspected, saysAmbiguous } from "./inspected.ts";
import { keepWatching } from "../watch.ts";
import { z } from "zod";

/** `GET /info` of Docker's. */
const INFO = z.object({ DockerRootDir: z.string() });

/** What differs. */
export interface ApiEngineOptions {
  name: string;
  /** Path of the socket. */
  socket: string;
  /** What the API's paths begin with. */
  prefix: string;
  /** The events to ask for: a container started, ended, was removed, or has another name. */
  events: string[];
}

/** Docker's daemon. */
export function dockerEngine(socket = "/var/run/docker.sock"): Engine {
  // Without a version in the path the daemon speaks its own; what is read here is the same in all.
  const events = ["start", "die", "destroy", "rename"];
  return new ApiEngine({ name: "docker", socket, prefix: "", events });
}

/** Podman's service; the libpod API, which tells more than the one that is like Docker's. */
export function podmanService(socket: string): Engine {
  const prefix = "/v4.0.0/libpod";
  const events = ["start", "died", "remove", "rename"];
  return new ApiEngine({ name: "podman", socket, prefix, events });
}

class ApiEngine implements Engine {
  readonly name: string;
  readonly #options: ApiEngineOptions;
  #root: Promise<string | undefined> | undefined;

  constructor(options: ApiEngineOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async find(reference: string): Promise<ForeignContainer | undefined> {
    if (!ENGINE_REFERENCE.test(reference) || !await this.#isThere()) return undefined;
    const { socket, prefix } = this.#options;
    const path = `${prefix}/containers/${reference}/json`;
    const { status, text } = await engineGet({ name: this.name, socket, path });
    if (status === 200) {
      const found = readInspected(this.name, parseJson(text));
      if (await this.#isRoots()) return found;
      // What files a user's engine names is the user's word.
      const { resolvConfPath: _, hostsPath: __, ...rest } = found;
      return rest;
    }
    const words = messageOf(text);
    if (saysAmbiguous(words)) throw ambiguous(this.name, reference, words);
    if (status === 404) return undefined;
    throw new NetsvcError("unavailable", `${this.name} refuses to tell of a container: ${words}`);
  }

  async filesOf(id: string): Promise<Pick<ForeignContainer, "resolvConfPath" | "hostsPath">> {
    if (!await this.#isRoots()) return {};
    this.#root ??= this.#readRoot();
    const root = await this.#root.catch((error) => {
      this.#root = undefined;
      throw error;
    });
    if (root === undefined) return {};
    const directory = `${root}/containers/${id}`;
    return { resolvConfPath: `${directory}/resolv.conf`, hostsPath: `${directory}/hosts` };
  }

  /** Where the engine keeps what is its containers', on its own host. */
  async #readRoot(): Promise<string | undefined> {
    const { socket } = this.#options;
    const { text } = await engineGet({ name: this.name, socket, path: "/info" });
    return INFO.safeParse(parseJson(text)).data?.DockerRootDir;
  }

  /** Whether the engine is root's, whom the files of this host belong to anyway. */
  async #isRoots(): Promise<boolean> {
    return await Deno.stat(this.#options.socket).then(({ uid }) => uid === 0, () => false);
  }

  async #isThere(): Promise<boolean> {
    return await Deno.stat(this.#options.socket).then(() => true, () => false);
  }

  watch(listener: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
    return keepWatching(() => this.#stream(listener, signal), signal);
  }

  async #stream(listener: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
    using client = engineClient(this.#options.socket);
    const filters = JSON.stringify({ type: ["container"], event: this.#options.events });
    const query = `stream=true&filters=${encodeURIComponent(filters)}`;
    const response = await fetch(`http://localhost${this.#options.prefix}/events?${query}`, {
      client,
      signal,
    });
    if (!response.ok || !response.body) return await response.body?.cancel();
    listener({ type: "gap" });
    await eachEvent(response.body, listener);
  }
}

/** Docker says `{"message"}`, Podman `{"cause", "message"}`. */
function messageOf(text: string): string {
  const value = parseJson(text);
  const message = typeof value === "object" && value !== null && "message" in value
    ? String(value.message)
    : text;
  return message.replaceAll(/\s+/g, " ").slice(0, 300);
}

/**
 * The Docker engine behind netsvc: its socket, what it says of itself, requests of netsvc's own.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { z } from "zod";

/** An engine that doesn't answer netsvc's own questions is given up after this, in milliseconds. */
const DEADLINE_MS = 10_000;
/** A ping that a client waits for; it gives up after two seconds itself. In milliseconds. */
const PING_DEADLINE_MS = 1_000;
/** What an engine says of itself is asked again after this, in milliseconds. */
const KNOWN_MS = 10_000;

/** What netsvc reads of a container. */
export const InspectedContainer = z.looseObject({
  Id: z.string().regex(/^[0-9a-f]{64}$/),
  Name: z.string().transform((name) => name.replace(/^\//, "")),
  /** Id of its image. */
  Image: z.string().optional(),
  State: z.looseObject({ Running: z.boolean() }),
  Config: z.looseObject({
    Labels: z.record(z.string(), z.string()).nullish(),
    ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
    Hostname: z.string().nullish(),
  }),
  ResolvConfPath: z.string().nullish(),
  HostsPath: z.string().nullish(),
  HostConfig: z.looseObject({
    NetworkMode: z.string().optional(),
    PublishAllPorts: z.boolean().nullish(),
    AutoRemove: z.boolean().nullish(),
    RestartPolicy: z.looseObject({ Name: z.string().nullish() }).nullish(),
    PortBindings: z.record(
      z.string(),
      z.array(z.object({ HostIp: z.string().nullish(), HostPort: z.string().nullish() })).nullish(),
    ).nullish(),
  }),
});

const IMAGE = z.looseObject({
  Config: z.looseObject({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});
const LISTED = z.array(z.looseObject({ Id: z.string() }));

/** A container as the engine shows it. */
export type Inspected = z.output<typeof InspectedContainer>;

/** What a ping of the engine says. */
export interface EngineGreeting {
  apiVersion: string;
  /** Headers that tell clients what else it can do. */
  headers: Record<string, string>;
}

/** Headers of a ping that are the engine's to say. */
const GREETING = ["builder-version", "docker-experimental", "swarm"];

/** The engine at a socket. */
export class EngineSocket implements Disposable {
  readonly path: string;
  // A connection that waits for the next request may be one to an engine that has been restarted.
  readonly #client: Deno.HttpClient;
  #greeting: { at: number; known: EngineGreeting | undefined } | undefined;

  constructor(path: string) {
    this.path = path;
    this.#client = Deno.createHttpClient({
      proxy: { transport: "unix", path },
      poolMaxIdlePerHost: 0,
    });
  }

  /** Whether there is one, running or not. */
  async isThere(): Promise<boolean> {
    return (await Deno.stat(this.path).catch(() => undefined))?.isSocket ?? false;
  }

  /** Refuses what only an engine can do where there is none. @throws {NetsvcError} `unsupported` */
  async check(what: string): Promise<void> {
    if (await this.isThere()) return;
    throw new NetsvcError(
      "unsupported",
      `No Docker engine is behind netsvc, which itself answers for networks only, not for ` +
        `${what}: there is no ${this.path}; start Docker or give --docker-socket`,
    );
  }

  /** Sends a request. @throws {NetsvcError} `unavailable` */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(`http://docker${path}`, {
        redirect: "manual",
        ...init,
        client: this.#client,
      });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new NetsvcError("unavailable", `Cannot reach Docker at ${this.path}`, { cause });
    }
  }

  /** Asks something on netsvc's own account; `undefined` for what isn't there. */
  async get(path: string, schema: z.ZodType, deadline = DEADLINE_MS): Promise<unknown> {
    const signal = AbortSignal.timeout(deadline);
    const response = await this.fetch(path, { signal }).catch((cause) => {
      if (cause instanceof NetsvcError) throw cause;
      throw new NetsvcError("timeout", `Docker at ${this.path} doesn't answer`, { cause });
    });
    if (response.status === 404) return void await response.body?.cancel();
    const text = await response.text();
    if (response.status !== 200) throw refusal(response.status, text);
    return schema.parse(JSON.parse(text));
  }

  /** A container by name, id or the beginning of one. */
  async inspect(reference: string): Promise<Inspected | undefined> {
    // Nothing else is a container's, and would be another path.
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(reference)) return undefined;
    const path = `/containers/${encodeURIComponent(reference)}/json`;
    try {
      return await this.get(path, InspectedContainer) as Inspected | undefined;
    } catch (error) {
      if (await this.isThere()) throw error;
      return undefined;
    }
  }

  /** Has it do something on netsvc's own account. */
  async act(method: "POST" | "DELETE", path: string): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await (await this.fetch(path, { method, signal })).body?.cancel();
  }

  /** Ids of the containers that have a label, running or not. */
  async labelled(label: string): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const listed = await this.get(`/containers/json?all=1&filters=${filters}`, LISTED) ?? [];
    return (listed as z.output<typeof LISTED>).map(({ Id }) => Id);
  }

  /** Labels of an image; `undefined` when there is no such image (any more). */
  async imageLabels(image: string): Promise<Record<string, string> | undefined> {
    const found = await this.get(`/images/${encodeURIComponent(image)}/json`, IMAGE);
    return found === undefined ? undefined : (found as z.output<typeof IMAGE>).Config?.Labels ?? {};
  }

  /** Its version and abilities; `undefined` while it can't be reached. */
  async greeting(): Promise<EngineGreeting | undefined> {
    if (!await this.isThere()) return undefined;
    const now = performance.now();
    if (this.#greeting && now - this.#greeting.at < KNOWN_MS) return this.#greeting.known;
    const known = await this.#greet().catch(() => undefined);
    if (known) this.#greeting = { at: now, known };
    return known;
  }

  async #greet(): Promise<EngineGreeting | undefined> {
    const signal = AbortSignal.timeout(PING_DEADLINE_MS);
    const response = await this.fetch("/_ping", { signal });
    await response.body?.cancel();
    const apiVersion = response.headers.get("api-version");
    if (!response.ok || apiVersion === null) return undefined;
    const headers = GREETING.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    return { apiVersion, headers: Object.fromEntries(headers) };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** An engine's own words about why not. */
function refusal(status: number, text: string): NetsvcError {
  const code = status === 400 ? "invalid" : status === 409 ? "conflict" : "unavailable";
  return new NetsvcError(code, engineWords(text));
}

/** The message in an engine's error. */
export function engineWords(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message.replaceAll(/\s+/g, " ");
  } catch {
    // Not all errors are JSON.
  }
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}

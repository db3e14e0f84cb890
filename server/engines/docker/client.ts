/**
 * HTTP over the socket of an engine: requests of netsvc's own, with a deadline, and those that are
 * passed on, without one.
 *
 * @module
 */
import type { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { safely } from "../../../lib/api/safely.ts";

/** Deadline of netsvc's own questions unless another is given, in milliseconds. */
const DEADLINE_MS = 10_000;
/** Longest answer that is read whole, in bytes: some 10,000 containers, listed. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** How long an answer is waited for. */
export interface Wait {
  /** In milliseconds. */
  deadline?: number;
  /** Aborts the wait: the engine may itself be blocked on netsvc. */
  signal?: AbortSignal;
}

/** An answer that was read whole. */
export interface Answer {
  status: number;
  text: string;
}

/** The client of one engine. */
export class EngineClient implements Disposable {
  /** What the engine is called in messages: `Docker`. */
  readonly title: string;
  /** Path of its socket. */
  readonly path: string;
  // A connection that waits for the next request may be one to an engine that has been restarted.
  readonly #client: Deno.HttpClient;

  constructor(title: string, path: string) {
    this.title = title;
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

  /** Whether the engine is root's, who owns the files of this host anyway. */
  async isRoots(): Promise<boolean> {
    return await Deno.stat(this.path).then(({ uid }) => uid === 0, () => false);
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
      throw new NetsvcError("unavailable", `Cannot reach ${this.title} at ${this.path}`, { cause });
    }
  }

  /** `GET`s something and reads it whole. @throws {NetsvcError} `timeout`, `unavailable` */
  async ask(path: string, { deadline = DEADLINE_MS, signal }: Wait = {}): Promise<Answer> {
    try {
      const response = await this.fetch(path, {
        signal: AbortSignal.any([AbortSignal.timeout(deadline), ...signal ? [signal] : []]),
      });
      return { status: response.status, text: await textOf(response) };
    } catch (cause) {
      if (cause instanceof NetsvcError) throw cause;
      const late = cause instanceof DOMException && cause.name === "TimeoutError";
      throw new NetsvcError(
        late ? "timeout" : "unavailable",
        `Cannot reach ${this.title} at ${this.path}` + (late ? ": no answer" : ""),
        { cause },
      );
    }
  }

  /**
   * `GET`s something that has a schema; `undefined` for what isn't there.
   *
   * @throws {NetsvcError} as {@linkcode ask}; in the engine's words where it refuses
   */
  async get<T extends z.ZodType>(
    path: string,
    schema: T,
    wait: Wait = {},
  ): Promise<z.output<T> | undefined> {
    const { status, text } = await this.ask(path, wait);
    if (status === 404) return undefined;
    if (status !== 200) throw refusal(status, text);
    const read = safely(() => schema.safeParse(parseJson(text)));
    if (read?.success) return read.data;
    throw new NetsvcError("unavailable", `The answer of ${this.title} to ${path} makes no sense`, {
      cause: read?.error,
    });
  }

  /** Has the engine do something on netsvc's own account. */
  async act(method: "POST" | "DELETE", path: string): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await (await this.fetch(path, { method, signal })).body?.cancel();
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** An answer as text; one without an end isn't kept. @throws when it is longer than an engine's can be */
async function textOf({ body }: Response): Promise<string> {
  let text = "", left = MAX_ANSWER;
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    left -= chunk.length;
    if (left < 0) throw new Error(`The answer is longer than ${MAX_ANSWER} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Reads JSON; `undefined` when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An engine's own words about why not. */
function refusal(status: number, text: string): NetsvcError {
  const code = status === 400 ? "invalid" : status === 409 ? "conflict" : "unavailable";
  return new NetsvcError(code, engineWords(text));
}

/** The message in an engine's error: Docker says `{"message"}`, Podman `{"cause", "message"}`. */
export function engineWords(text: string): string {
  const value = parseJson(text);
  const message = typeof value === "object" && value !== null && "message" in value
    ? String(value.message)
    : text;
  return message.replaceAll(/\s+/g, " ").slice(0, 300);
}

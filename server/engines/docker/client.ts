/**
 * HTTP over the socket of an engine: netsvc's own requests, with a deadline, and forwarded ones, without.
 *
 * @module
 */
import type { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { safely } from "../../../lib/api/safely.ts";

/** Default deadline of netsvc's own requests, in milliseconds. */
const DEADLINE_MS = 10_000;
/** Size limit of an answer that is read whole, in bytes: a list of some 10,000 containers. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** How long to wait for an answer. */
export interface Wait {
  /** In milliseconds. */
  deadline?: number;
  /** Aborts the wait: the engine may itself be blocked on netsvc. */
  signal?: AbortSignal;
}

/** An answer, read whole. */
export interface Answer {
  status: number;
  text: string;
}

export class EngineClient implements Disposable {
  /** The engine's name in messages: `Docker`. */
  readonly title: string;
  /** Path of its socket. */
  readonly path: string;
  // No pool: an idle connection may lead to an engine that has been restarted since.
  readonly #client: Deno.HttpClient;

  constructor(title: string, path: string) {
    this.title = title;
    this.path = path;
    this.#client = Deno.createHttpClient({
      proxy: { transport: "unix", path },
      poolMaxIdlePerHost: 0,
    });
  }

  /** Whether the engine's socket exists, even if the engine isn't running. */
  isThere(): Promise<boolean> {
    return Promise.resolve(this.#look()?.isSocket ?? false);
  }

  /** Whether root owns the engine's socket: paths that such an engine names can be trusted. */
  isRoots(): Promise<boolean> {
    return Promise.resolve(this.#look()?.uid === 0);
  }

  /** At once: by another thread it took ten times as long, at each request that is forwarded. */
  #look(): Deno.FileInfo | undefined {
    try {
      return Deno.statSync(this.path);
    } catch {
      return undefined;
    }
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

  /** `GET`s a path and reads the answer whole. @throws {NetsvcError} `timeout`, `unavailable` */
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
   * `GET`s a path and parses the answer by a schema; `undefined` for 404.
   *
   * @throws {NetsvcError} as {@linkcode ask}; with the engine's message when it refuses
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

  /** Sends a request of netsvc's own that changes something. */
  async act(method: "POST" | "DELETE", path: string): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await (await this.fetch(path, { method, signal })).body?.cancel();
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Reads an answer as text, in bounded memory. @throws when it is longer than {@linkcode MAX_ANSWER} */
async function textOf({ body }: Response): Promise<string> {
  let text = "";
  let left = MAX_ANSWER;
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    left -= chunk.length;
    if (left < 0) throw new Error(`The answer is longer than ${MAX_ANSWER} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Parses JSON; `undefined` for invalid JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error of a refused request, with the engine's own message. */
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

/**
 * A client of a remote Deno KV (the KV Connect protocol) whose every call ends in time.
 *
 * @deno/kv and not `Deno.openKv()`: the latter (2.7.14) repeats a call for as long as the server is
 * away, even after `close()`, and writes a line to stderr each time, so that a commit may be applied
 * minutes after its caller's deadline.
 *
 * @module
 */
import { makeRemoteService } from "@deno/kv";
import { deserialize, serialize } from "node:v8";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import type { Reader } from "./layout.ts";
import type { Renewals } from "../leases/renewal.ts";
import type { StoreUrl } from "../url/store_url.ts";

/** Longest time for one answer, in milliseconds. */
const ANSWER_MS = 2500;
/** Entries of one request: the most that servers give. */
const BATCH = 500;

/** An atomic operation that can set a key whose last part will be its own versionstamp. */
export interface Atomic extends Deno.AtomicOperation {
  appendTo(key: Deno.KvKey, value: Uint8Array): void;
}

interface Mutation {
  mutationType: string;
}

/** The protocol has this mutation, and the library leaves what it doesn't know unspecified. */
function withAppends(kv: Deno.Kv): Deno.Kv {
  const inner = kv as unknown as {
    atomicWrite(write: { mutations: Mutation[] }): Promise<unknown>;
  };
  const send = inner.atomicWrite.bind(kv);
  inner.atomicWrite = (write) =>
    send({
      ...write,
      mutations: write.mutations.map((mutation) =>
        mutation.mutationType === "M_UNSPECIFIED"
          ? { ...mutation, mutationType: "M_SET_SUFFIX_VERSIONSTAMPED_KEY" }
          : mutation
      ),
    });
  return kv;
}

/**
 * A request's body that can't be sent twice: Deno's fetch (2.7.14) repeats any request whose connection
 * was cut, whether or not the server has done already what it asks for.
 */
function onceOnly(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

/**
 * A body that doesn't end when its source does: the library would wait and ask again by itself, and
 * callers couldn't stop it.
 */
function untilCancelled(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  ended: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.getReader();
  return new ReadableStream({
    start(controller) {
      (async () => {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          controller.enqueue(value);
        }
      })().catch(() => {}).finally(ended);
    },
    cancel: () => reader.cancel().catch(() => {}),
  });
}

export class Client implements Reader {
  readonly #url: string;
  readonly #display: string;
  readonly #renewals: Renewals;
  readonly #credentials: Pick<StoreUrl, "token">;
  readonly #closed = new AbortController();
  #http: Deno.HttpClient | undefined;
  #opening: Promise<Deno.Kv> | undefined;
  #watchEnded: () => void = () => {};

  constructor(url: StoreUrl, renewals: Renewals) {
    const { endpoints: [endpoint], path, tls, display } = url;
    const { host, port } = endpoint!;
    const name = host.includes(":") ? `[${host}]` : host;
    this.#url = `${tls ? "https" : "http"}://${name}:${port}${path}`;
    this.#display = display;
    this.#credentials = url;
    this.#renewals = renewals;
    renewals.onRenewal(() => this.#opening = undefined);
  }

  async #open(): Promise<Deno.Kv> {
    if (this.#closed.signal.aborted) {
      throw new NetsvcError("unavailable", "The store is closed");
    }
    this.#opening ??= makeRemoteService({
      accessToken: this.#credentials.token ?? "",
      maxRetries: 0,
      encodeV8: (value) => serialize(value),
      decodeV8: (bytes) => deserialize(bytes),
      fetcher: (url, init) => this.#fetch(String(url), init as RequestInit),
    }).openKv(this.#url).then((kv) => withAppends(kv as unknown as Deno.Kv));
    const opening = this.#opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    this.#closed.signal.addEventListener("abort", abort);
    const timer = setTimeout(abort, ANSWER_MS);
    this.#http ??= Deno.createHttpClient({});
    try {
      const body = url.endsWith("/atomic_write")
        ? onceOnly(init.body as Uint8Array<ArrayBuffer>)
        : init.body ?? null;
      const response = await fetch(url, { ...init, body, signal: stop.signal, client: this.#http });
      const { status, headers } = response;
      if (status !== 200) await this.#refuse(response);
      if (url.endsWith("/watch")) {
        return new Response(untilCancelled(response.body!, this.#watchEnded), { status, headers });
      }
      const whole = new Response(await response.arrayBuffer(), { status, headers });
      return Object.defineProperty(whole, "url", { value: response.url });
    } catch (error) {
      if (stop.signal.aborted && !this.#closed.signal.aborted) {
        // The connection may be dead without knowing it: the next call makes its own.
        this.#http?.close();
        this.#http = undefined;
      }
      throw this.#understand(error, stop.signal.aborted, url.endsWith("/atomic_write"));
    } finally {
      clearTimeout(timer);
      this.#closed.signal.removeEventListener("abort", abort);
    }
  }

  async #refuse(response: Response): Promise<never> {
    const { status } = response;
    const text = (await response.text()).slice(0, 200).replaceAll(/\s+/g, " ");
    if (status === 401 || status === 403) {
      this.#opening = undefined; // Its token may be old.
      throw new NetsvcError(
        "unauthorized",
        `Deno KV at "${this.#display}" refuses the token: ${text}`,
      );
    }
    throw new NetsvcError(
      status >= 500 ? "unavailable" : "unsupported",
      `Deno KV at "${this.#display}" answers with status ${status}: ${text}`,
    );
  }

  #understand(error: unknown, late: boolean, writing: boolean): NetsvcError {
    if (error instanceof NetsvcError) return error;
    const why = errorChain(error).at(-1)!.replace(
      /^error sending request .*client error \(\w+\): /,
      "",
    );
    const all = errorChain(error).join(": ");
    if (/certificate|UnknownIssuer|tls handshake/i.test(all)) {
      return new NetsvcError(
        "unauthorized",
        `Deno KV's certificate at "${this.#display}" is refused: ${why}`,
        { cause: error },
      );
    }
    if (late) {
      return new NetsvcError(
        "timeout",
        `Deno KV at "${this.#display}" did not answer within ${ANSWER_MS} ms`,
        { cause: error },
      );
    }
    const sent = writing && !/\(Connect\)/.test(all);
    return new NetsvcError(
      sent ? "timeout" : "unavailable",
      `Cannot reach Deno KV at "${this.#display}": ${why}`,
      { cause: error },
    );
  }

  async #call<T>(action: (kv: Deno.Kv) => Promise<T>): Promise<T> {
    const attempt = async () => await action(await this.#open());
    try {
      return await attempt().catch(async (error) => {
        // A new token may lie there already.
        const refused = error instanceof NetsvcError && error.code === "unauthorized";
        if (refused && await this.#renewals.look()) return await attempt();
        throw error;
      });
    } catch (error) {
      if (error instanceof NetsvcError) throw error;
      throw new NetsvcError(
        "unavailable",
        `Deno KV at "${this.#display}" failed: ${errorChain(error)[0]}`,
        { cause: error },
      );
    }
  }

  /** The entries of at most ten keys, at one moment. */
  async getMany(keys: Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    return await this.#call((kv) => kv.getMany(keys)) as Deno.KvEntryMaybe<unknown>[];
  }

  /** One entry. */
  async get<T>(key: Deno.KvKey): Promise<Deno.KvEntryMaybe<T>> {
    return await this.#call((kv) => kv.get<T>(key));
  }

  /** The entries of a range; each batch of them is of one moment. */
  async *list(selector: Deno.KvListSelector): AsyncGenerator<Deno.KvEntry<unknown>> {
    const list = await this.#call(async (kv) =>
      await Promise.resolve(kv.list<unknown>(selector, { batchSize: BATCH }))
    );
    for (;;) {
      const { done, value } = await this.#call(() => list.next());
      if (done) return;
      yield value;
    }
  }

  /** Makes and commits an atomic operation. */
  async commit(make: (atomic: Atomic) => void): Promise<{ revision: string } | undefined> {
    return await this.#call(async (kv) => {
      const atomic = kv.atomic() as Atomic;
      atomic.appendTo = (key, value) => {
        atomic.mutate({ type: "append", key, value } as unknown as Deno.KvMutation);
      };
      make(atomic);
      const result = await atomic.commit();
      return result.ok ? { revision: result.versionstamp } : undefined;
    });
  }

  /**
   * The values of a key as it changes, one watch at a time. Cancelling it frees its connection.
   *
   * @param ended is called when the server ended it
   */
  async watch(
    key: Deno.KvKey,
    ended: () => void,
  ): Promise<ReadableStreamDefaultReader<unknown>> {
    this.#watchEnded = ended;
    return await this.#call(async (kv) =>
      await Promise.resolve(kv.watch([key], { raw: true }).getReader())
    );
  }

  close(): void {
    this.#closed.abort();
    this.#opening?.then((kv) => kv.close()).catch(() => {});
    this.#http?.close();
    this.#http = undefined;
  }
}

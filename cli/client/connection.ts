/**
 * How requests get to a daemon and answers back: HTTP over its unix socket, or TCP, plain or with TLS.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { STORE_AWAY_HEADER, STORE_EXPOSED_HEADER } from "../../lib/api/headers.ts";
import { API_PREFIX } from "../../lib/api/paths.ts";
import {
  PATIENCE_HEADER,
  PATIENCE_TYPE,
  type PatienceLine,
  type Progress,
} from "../../lib/api/patience.ts";
import { lines } from "../../lib/async/lines.ts";
import {
  type DaemonAddress,
  isLoopback,
  parseAddress,
  speaksTls,
  systemCertificates,
} from "./address.ts";
import { problemOf } from "./problem.ts";

/** A request fails when the daemon is silent for this long, in milliseconds. */
const DEADLINE_MS = 60_000;

/** How the daemon is reached. */
export interface ClientOptions {
  /** `unix:///path`, `tcp://HOST:PORT` or `tls://HOST:PORT`. */
  host: string;
  /** Bearer token for TCP. */
  token?: string;
  /** PEM certificates that vouch for the daemon's, in place of this machine's; with it, TCP means TLS. */
  tlsCa?: string;
  /** Called when an answer may be old: for how long the store doesn't answer, in seconds. */
  onStoreAway?: (seconds: number) => void;
  /** Called with a security warning about the store. */
  onStoreExposed?: (what: string) => void;
  /** Called when something takes its time, with how far it is. */
  onProgress?: (progress: Progress) => void;
}

/** Requests to one daemon. */
export class Connection implements Disposable {
  readonly #options: ClientOptions;
  readonly #address: DaemonAddress;
  readonly #base: string;
  readonly #http: Deno.HttpClient | undefined;
  /** Path of the daemon's unix socket, where it is reached by one. */
  readonly socket: string | undefined;

  /** @throws {NetsvcError} `invalid` about the address */
  constructor(options: ClientOptions) {
    this.#options = options;
    const address = this.#address = parseAddress(options.host, options.tlsCa !== undefined);
    if (address.kind === "unix") {
      this.#base = "http://localhost";
      this.socket = address.path;
      this.#http = Deno.createHttpClient({ proxy: { transport: "unix", path: address.path } });
      return;
    }
    const { hostname, port, tls } = address;
    if (options.token !== undefined && !tls && !isLoopback(hostname)) {
      throw new NetsvcError(
        "invalid",
        `The token isn't sent to ${options.host}, where anybody on the way could read it: use ` +
          `tls://${hostname}:${port}, or give --tls-ca`,
      );
    }
    this.#base = `${tls ? "https" : "http"}://${hostname}:${port}`;
    const trusted = tls ? options.tlsCa ?? systemCertificates() : undefined;
    this.#http = trusted === undefined ? undefined : Deno.createHttpClient({ caCerts: [trusted] });
  }

  [Symbol.dispose](): void {
    this.#http?.close();
  }

  /** One request for a path of the API, without its prefix; an error answer becomes the error that the daemon meant. */
  async fetch(
    method: string,
    path: string,
    body?: unknown,
    signal: AbortSignal = AbortSignal.timeout(DEADLINE_MS),
    headers: Record<string, string> = {},
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}${API_PREFIX}${path}`, {
        method,
        signal,
        headers: {
          ...headers,
          ...body !== undefined && { "content-type": "application/json" },
          ...this.#options.token !== undefined && {
            authorization: `Bearer ${this.#options.token}`,
          },
        },
        // As a stream: Deno sends any other body once more by itself when the connection ends early,
        // and what was asked for might be done twice.
        ...body !== undefined && { body: new Blob([JSON.stringify(body)]).stream() },
        ...this.#http && { client: this.#http },
      });
    } catch (error) {
      throw await this.#unreachable(error);
    }
    return await this.#judged(method, response);
  }

  async #judged(method: string, response: Response): Promise<Response> {
    if (!response.ok) throw await problemOf(response);
    const away = response.headers.get(STORE_AWAY_HEADER);
    if (away !== null && method === "GET") this.#options.onStoreAway?.(Number(away));
    const exposed = response.headers.get(STORE_EXPOSED_HEADER);
    if (exposed !== null) this.#options.onStoreExposed?.(decodeURIComponent(exposed));
    return response;
  }

  async #unreachable(error: unknown): Promise<NetsvcError> {
    const { host } = this.#options;
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return new NetsvcError("timeout", `The daemon at ${host} doesn't answer`, { cause: error });
    }
    const why = errorChain(error).join(": ");
    return new NetsvcError(
      "unavailable",
      `Cannot reach the daemon at ${host}: ${await this.#remedy(why)}`,
      { cause: error },
    );
  }

  async #remedy(why: string): Promise<string> {
    const address = this.#address;
    if (/permission denied|os error 13/i.test(why)) {
      return "permission denied; use sudo or join the socket's group";
    }
    if (/InvalidContentType|corrupt message/i.test(why)) {
      return "it doesn't speak TLS; leave out --tls-ca, or tls://";
    }
    if (/certificate|tls/i.test(why)) {
      return `its certificate isn't trusted (${why.split(": ").at(-1)}); check --tls-ca`;
    }
    const refused = /refused|unreachable|os error 111/i.test(why);
    if (address.kind === "tcp" && !address.tls && !refused) {
      const { hostname, port } = address;
      if (await speaksTls(hostname, port)) {
        return `it speaks TLS; give --tls-ca FILE, or -H tls://${hostname}:${port} where this ` +
          `machine trusts its certificate`;
      }
    }
    return `is it running? Start it with "netsvc -d"`;
  }

  /** Sends a request and discards the answer's body. */
  async send(method: string, path: string, body?: unknown): Promise<void> {
    const response = await this.fetch(method, path, body);
    await response.body?.cancel();
  }

  /** A request whose answer is JSON, however long the daemon works on it. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const silence = new AbortController();
    const late = () => silence.abort(new DOMException("The daemon is silent", "TimeoutError"));
    let timer = setTimeout(late, DEADLINE_MS);
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(late, DEADLINE_MS);
    };
    try {
      const headers = { [PATIENCE_HEADER]: "stream" };
      const response = await this.fetch(method, path, body, silence.signal, headers);
      if (response.headers.get("content-type") !== PATIENCE_TYPE) return await response.json();
      return await (await this.#judged(method, await this.#patiently(response, heard))).json();
    } finally {
      clearTimeout(timer);
    }
  }

  /** What an answer's body holds, as it comes. */
  async *streamed<T>(
    response: Response,
    read: (body: ReadableStream<Uint8Array<ArrayBuffer>>) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    try {
      yield* read(response.body!);
    } catch (error) {
      throw await this.#unreachable(error);
    }
  }

  /** Waits for as long as the daemon reports progress. */
  async #patiently(response: Response, heard: () => void): Promise<Response> {
    for await (const line of this.streamed(response, lines)) {
      heard();
      const { progress, answer } = JSON.parse(line) as PatienceLine;
      if (progress) this.#options.onProgress?.(progress);
      if (answer) return new Response(answer.body, answer);
    }
    throw new NetsvcError(
      "unavailable",
      `The daemon at ${this.#options.host} ended before it was done; what it did stays done, and ` +
        `doing it again goes on from there`,
    );
  }
}

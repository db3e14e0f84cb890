/**
 * Requests to Consul's HTTP API, to one endpoint until it fails, then to the next. A
 * transaction that may have arrived is never sent again. Source: Consul's HTTP API, version 1.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { Attempts, Ring } from "../failover.ts";
import type { Renewals } from "../leases/renewal.ts";
import type { StoreUrl } from "../url/store_url.ts";

/** Time that a call may take with all its attempts, in milliseconds. */
const CALL_MS = 3000;
/** Time that a connect may take, in milliseconds. */
const CONNECT_MS = 1000;

/** One request. */
export interface Request {
  method: "GET" | "PUT";
  /** After `/v1/`, encoded. */
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** It must not be done twice: it isn't sent again once it may have arrived. */
  once?: boolean;
  /** Statuses that are answers and no failures, beside 200. */
  expect?: number[];
  /** Time that it may take, in milliseconds. */
  deadline?: number;
  /** Sent to one endpoint only: the caller tries again by itself. */
  single?: boolean;
  signal?: AbortSignal;
}

/** An answer. */
export interface Answer {
  status: number;
  /** Of the store's state, for a read. */
  index: number;
  text: string;
}

/** Connections with the same TLS files. */
interface Client {
  http: Deno.HttpClient;
  /** Under way. */
  requests: number;
  /** Takes no more. */
  retired: boolean;
}

/** The requests of one store. */
export class Http {
  readonly #url: StoreUrl;
  readonly #renewals: Renewals;
  #client: Client;
  readonly #bases: Ring<string>;
  readonly #stop = new AbortController();

  constructor(url: StoreUrl, renewals: Renewals) {
    this.#url = url;
    this.#renewals = renewals;
    const { tls } = url;
    this.#bases = new Ring(
      url.endpoints.map(({ host, port }) =>
        `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}/v1/`
      ),
    );
    this.#client = this.#connect();
    renewals.onRenewal(({ tls }) => {
      if (!tls) return;
      const before = this.#client;
      this.#client = this.#connect();
      before.retired = true;
      if (before.requests === 0) before.http.close();
    });
  }

  #connect(): Client {
    const { tls, display } = this.#url;
    try {
      const http = Deno.createHttpClient({
        ...tls?.ca !== undefined && { caCerts: [tls.ca] },
        ...tls?.cert !== undefined && tls.key !== undefined && { cert: tls.cert, key: tls.key },
        http2: false,
      });
      return { http, requests: 0, retired: false };
    } catch (error) {
      const why = errorChain(error)[0];
      throw new NetsvcError(
        "invalid",
        `The TLS files of the store "${display}" cannot be used: ${why}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Makes a request. */
  async send(request: Request): Promise<Answer> {
    const servers = this.#bases.all.length;
    const attempts = new Attempts(servers, request.deadline ?? CALL_MS);
    for (;;) {
      const base = this.#bases.current;
      attempts.begin();
      const last = request.single || attempts.last;
      const { left } = attempts;
      try {
        const alone = servers === 1 || last || request.once;
        return await this.#attempt(base, request, alone ? left : Math.max(left / 2, CONNECT_MS));
      } catch (error) {
        // A new token may lie there already.
        const refused = error instanceof NetsvcError && error.code === "unauthorized";
        if (refused && attempts.first && await this.#renewals.look()) continue;
        if (!(error instanceof Trouble)) throw error;
        this.#bases.leave(base);
        const over = last || !attempts.inTime || request.signal?.aborted;
        if (over || (request.once && !error.unsent)) throw this.#failure(error, request);
      }
    }
  }

  async #attempt(base: string, request: Request, ms: number): Promise<Answer> {
    if (this.#stop.signal.aborted) {
      throw new NetsvcError("unavailable", `The store "${this.#url.display}" is closed`);
    }
    const { method, path, query = {}, body, once = false, expect = [] } = request;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ms);
    const signals = [deadline.signal, this.#stop.signal, ...request.signal ? [request.signal] : []];
    const search = new URLSearchParams(query).toString();
    let status: number;
    let indexHeader: string | null;
    let text: string;
    const client = this.#client;
    client.requests++;
    try {
      const response = await fetch(`${base}${path}${search && `?${search}`}`, {
        method,
        client: client.http,
        redirect: "error",
        signal: AbortSignal.any(signals),
        ...this.#url.token !== undefined && { headers: { "x-consul-token": this.#url.token } },
        ...body !== undefined && { body: once ? stream(body) : JSON.stringify(body) },
      });
      status = response.status;
      indexHeader = response.headers.get("x-consul-index");
      text = await response.text();
    } catch (error) {
      throw new Trouble(error, deadline.signal.aborted);
    } finally {
      clearTimeout(timer);
      if (--client.requests === 0 && client.retired) client.http.close();
    }
    if (status === 200 || expect.includes(status)) {
      return { status, index: Number(indexHeader ?? 0), text };
    }
    throw this.#refusal(status, text.trim().replaceAll(/\s*\n\s*/g, "; ").slice(0, 300));
  }

  #refusal(status: number, text: string): Error {
    const because = (code: ConstructorParameters<typeof NetsvcError>[0], what: string) =>
      new NetsvcError(code, `The store "${this.#url.display}" ${what}`);
    if (status === 401 || status === 403) {
      return because("unauthorized", `refuses the login: ${text}; check the token`);
    }
    if (status === 413) {
      return because("invalid", `rejects a transaction of this size: ${text}; split it`);
    }
    // No leader yet, or a leader that has died: another endpoint, or a moment later, may do better.
    if (/leader|rpc error|shutting down|EOF/i.test(text) || status === 429 || status === 503) {
      return new Trouble(new Error(text), false, /no cluster leader/i.test(text));
    }
    if (status === 400 && /HTTP request to an HTTPS server/.test(text)) {
      return because("unauthorized", "speaks TLS; write consuls: or tls=true");
    }
    return status === 404 || status === 405 || status === 400
      ? because("unsupported", `is not a Consul: it answers ${status} ${text}`)
      : because("internal", `refuses the request: ${status} ${text}`);
  }

  #failure(trouble: Trouble, { once }: Request): NetsvcError {
    const because = (code: ConstructorParameters<typeof NetsvcError>[0], what: string) =>
      new NetsvcError(code, `The store "${this.#url.display}" ${what}`, { cause: trouble.cause });
    const { details } = trouble;
    if (/certificate|UnknownIssuer|InvalidContentType|\balert\b|corrupt message/i.test(details)) {
      return because(
        "unauthorized",
        `has no trusted connection: ${details}; check ca=, cert=, key=`,
      );
    }
    if (trouble.late) return because("timeout", "did not answer in time");
    return once && !trouble.unsent
      ? because("timeout", `did not say whether it applied the transaction: ${details}`)
      : because("unavailable", `can't be reached: ${details}`);
  }

  /** Ends all requests and connections. */
  close(): void {
    this.#stop.abort();
    this.#client.http.close();
  }
}

/**
 * A body that can be read once. Deno's fetch sends a request with any other again when the
 * connection ends before the answer, whether the server had acted on it or not.
 */
function stream(body: unknown): ReadableStream<Uint8Array> {
  return new Blob([JSON.stringify(body)]).stream();
}

/** A request without a usable answer: the connection failed, or the server has no leader. */
class Trouble extends Error {
  /** Surely not done: it can be sent elsewhere. */
  readonly unsent: boolean;
  readonly late: boolean;
  readonly details: string;

  constructor(cause: unknown, late: boolean, unsent = false) {
    super("The request failed", { cause });
    this.late = late;
    this.details = errorChain(cause).join(": ")
      .replace(/^error sending request for url \([^)]*\): (client error \([^)]*\): )?/, "");
    this.unsent = unsent || /client error \(Connect\)/.test(errorChain(cause).join(": "));
  }
}

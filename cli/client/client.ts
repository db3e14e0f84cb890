/**
 * The API's client: HTTP over the daemon's unix socket, or TCP, plain or with TLS.
 *
 * @module
 */
import { lines } from "../lib/async/lines.ts";
import {
  type DaemonAddress,
  isLoopback,
  parseAddress,
  speaksTls,
  systemCertificates,
} from "./address.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { API_PREFIX } from "../../lib/api/paths.ts";
import {
  PATIENCE_HEADER,
  PATIENCE_TYPE,
  type PatienceLine,
  type Progress,
} from "../../lib/api/patience.ts";
import { STORE_AWAY_HEADER, STORE_EXPOSED_HEADER } from "../../lib/api/headers.ts";
import type * as wire from "../../lib/api/types.ts";

/** A request is given up when the daemon says nothing for this long, in milliseconds. */
const DEADLINE_MS = 60_000;
/** All checks of a doctor, in milliseconds. */
const DOCTOR_DEADLINE_MS = 10 * 60_000;

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
  /** Called with what somebody should know about the store. */
  onStoreExposed?: (what: string) => void;
  /** Called when something takes its time, with how far it is. */
  onProgress?: (progress: Progress) => void;
}

/**
 * A reference as a segment of a path. Empty and dotted ones would name another path.
 *
 * @throws {NetsvcError} `invalid`
 */
function encodeRef(reference: string): string {
  if (!["", ".", ".."].includes(reference)) return encodeURIComponent(reference);
  throw new NetsvcError(
    "invalid",
    `Invalid reference ${JSON.stringify(reference)}; give a name, an id or the beginning of one`,
  );
}

/** A client of one daemon. */
export class Client implements Disposable {
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

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
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

  /** Waits for as long as the daemon says that it is at work. */
  async #patiently(response: Response, heard: () => void): Promise<Response> {
    try {
      for await (const line of lines(response.body!)) {
        heard();
        const { progress, answer } = JSON.parse(line) as PatienceLine;
        if (progress) this.#options.onProgress?.(progress);
        if (answer) return new Response(answer.body, answer);
      }
    } catch (error) {
      throw await this.#unreachable(error);
    }
    throw new NetsvcError(
      "unavailable",
      `The daemon at ${this.#options.host} ended before it was done; what it did stays done, and ` +
        `doing it again goes on from there`,
    );
  }

  networks(): Promise<wire.ListedNetwork[]> {
    return this.#json("GET", "/networks");
  }
  network(ref: string): Promise<wire.NetworkDetail> {
    return this.#json("GET", `/networks/${encodeRef(ref)}`);
  }
  createNetwork(request: wire.CreateNetwork): Promise<wire.CreatedNetwork> {
    return this.#json("POST", "/networks", request);
  }
  removeNetwork(ref: string, force: boolean): Promise<wire.Removed> {
    return this.#json("DELETE", `/networks/${encodeRef(ref)}?force=${force}`);
  }
  services(network?: string): Promise<wire.Service[]> {
    const query = network === undefined ? "" : `?network=${encodeURIComponent(network)}`;
    return this.#json("GET", `/services${query}`);
  }
  service(ref: string): Promise<wire.Service> {
    return this.#json("GET", `/services/${encodeRef(ref)}`);
  }
  publishService(request: wire.PublishService): Promise<wire.Service> {
    return this.#json("POST", "/services", request);
  }
  unpublishService(ref: string, force: boolean): Promise<wire.Removed> {
    return this.#json("DELETE", `/services/${encodeRef(ref)}?force=${force}`);
  }
  attachService(ref: string, request: wire.AttachService): Promise<wire.Service> {
    return this.#json("POST", `/services/${encodeRef(ref)}/attach`, request);
  }
  detachService(ref: string, request: wire.DetachService): Promise<wire.Service> {
    return this.#json("POST", `/services/${encodeRef(ref)}/detach`, request);
  }
  containers(): Promise<wire.Container[]> {
    return this.#json("GET", "/containers");
  }
  container(ref: string): Promise<wire.Container> {
    return this.#json("GET", `/containers/${encodeRef(ref)}`);
  }
  createContainer(request: wire.CreateContainer): Promise<wire.Container> {
    return this.#json("POST", "/containers", request);
  }
  /** Checks what a container that is about to be started is to be joined to, and does it then. */
  async expectContainer(request: wire.CreateContainer): Promise<void> {
    await this.fetch("POST", "/containers/expected", request);
  }
  removeContainer(ref: string, force: boolean): Promise<wire.Removed> {
    return this.#json("DELETE", `/containers/${encodeRef(ref)}?force=${force}`);
  }
  launchContainer(ref: string, request: wire.LaunchContainer): Promise<wire.LaunchSpec> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/launch`, request);
  }
  renameContainer(ref: string, name: string): Promise<wire.Container> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/rename`, { name });
  }
  startContainer(ref: string): Promise<wire.Container> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/start`);
  }
  execContainer(ref: string, request: wire.ExecSpec): Promise<wire.LaunchSpec> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/exec`, request);
  }
  startedContainer(ref: string, pid: number): Promise<wire.Container> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/started`, { pid });
  }
  async exitedContainer(ref: string, exitCode: number): Promise<void> {
    await this.fetch("POST", `/containers/${encodeRef(ref)}/exited`, { exitCode });
  }
  /** Answers when its process has ended. */
  stopContainer(ref: string, request: wire.StopContainer = {}): Promise<wire.Container> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/stop`, request);
  }
  restartContainer(ref: string, request: wire.StopContainer = {}): Promise<wire.Container> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/restart`, request);
  }
  async killContainer(ref: string, request: wire.KillContainer): Promise<void> {
    await this.fetch("POST", `/containers/${encodeRef(ref)}/kill`, request);
  }
  waitContainer(ref: string): Promise<wire.WaitResult> {
    return this.#json("POST", `/containers/${encodeRef(ref)}/wait`);
  }
  /** What a detached container has said. With `follow` it ends when the container does. */
  async *containerLogs(
    ref: string,
    options: wire.LogRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const query = Object.entries(options).map(([key, value]) => `${key}=${value}`).join("&");
    const path = `/containers/${encodeRef(ref)}/logs?${query}`;
    const response = await this.fetch("GET", path, undefined, signal);
    try {
      for await (const bytes of response.body!) yield bytes;
    } catch (error) {
      throw await this.#unreachable(error);
    }
  }
  hosts(): Promise<wire.Host[]> {
    return this.#json("GET", "/hosts");
  }
  host(ref: string): Promise<wire.HostDetail> {
    return this.#json("GET", `/hosts/${encodeRef(ref)}`);
  }
  removeHost(ref: string): Promise<wire.Removed> {
    return this.#json("DELETE", `/hosts/${encodeRef(ref)}`);
  }
  version(): Promise<wire.VersionInfo> {
    return this.#json("GET", "/version");
  }

  /** What the daemon's doctor finds, as it finds it. */
  async *doctor(): AsyncGenerator<wire.DoctorLine> {
    const signal = AbortSignal.timeout(DOCTOR_DEADLINE_MS);
    const response = await this.fetch("GET", "/doctor", undefined, signal);
    try {
      for await (const line of lines(response.body!)) yield JSON.parse(line);
    } catch (error) {
      throw await this.#unreachable(error);
    }
  }

  /** Events from now on, or from `since` on (in milliseconds since 1970), until `signal`. */
  async *events(signal: AbortSignal, since?: number): AsyncGenerator<wire.NetsvcEvent> {
    const query = since === undefined ? "" : `?since=${since}`;
    const response = await this.fetch("GET", `/events${query}`, undefined, signal);
    try {
      for await (const block of lines(response.body!, { separator: "\n\n" })) {
        const data = block.split("\n").find((line) => line.startsWith("data: "));
        if (data) yield JSON.parse(data.slice("data: ".length));
      }
    } catch (error) {
      throw await this.#unreachable(error);
    }
  }
}

/** What daemons say to this client that had their API without a prefix. */
const BEFORE_THE_PREFIX = /^No such route: [A-Z]+ \/netsvc\/v1\/[^;]*$/;

async function problemOf(response: Response): Promise<NetsvcError> {
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as wire.Problem & { exitCode?: number };
    if (BEFORE_THE_PREFIX.test(problem.detail)) {
      return new NetsvcError(
        "unsupported",
        "The daemon is older than this command; restart it with the new executable",
        { cause: new Error(problem.detail) },
      );
    }
    const [first, ...rest] = (problem.causes ?? []).toReversed();
    const cause = first === undefined
      ? undefined
      : rest.reduce((inner, message) => new Error(message, { cause: inner }), new Error(first));
    return new NetsvcError(problem.code, problem.detail, {
      cause,
      ...problem.exitCode !== undefined && { exitCode: problem.exitCode },
    });
  } catch {
    return new NetsvcError(
      "internal",
      `The daemon answered ${response.status}: ${text.slice(0, 200)}; is it netsvc's?`,
    );
  }
}

/**
 * Calls of etcd over gRPC, to one endpoint until it fails, then to the next. A
 * transaction that may have arrived is never sent again; so a member that was silent lately
 * gets a harmless probe first, and where it hangs, or has no quorum, the next one gets the transaction.
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { NetsvcError } from "../../lib/api/errors.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Renewals } from "../leases/renewal.ts";
import { Attempts, Ring } from "../failover.ts";
import type { StoreUrl } from "../url/store_url.ts";
import type { Endpoint } from "../url/url_parts.ts";
import {
  type CallError,
  failure,
  hasNoLeader,
  isCallError,
  isOvertaken,
  isRefused,
  isTrouble,
  isUnsent,
  needsLogin,
} from "./failure.ts";
import { type Channel, channel, CHANNEL_OPTIONS } from "./channel.ts";
import type { Codec } from "./messages.ts";
import { type Calls, codec, type Streams } from "./proto.ts";

/** Time that a call may take with all its attempts, in milliseconds. */
const CALL_MS = 3000;
/** Time that a connect may take, in milliseconds. */
const CONNECT_MS = 1000;
/** A connection that is silent for so long while it is asked is abandoned, in milliseconds. */
const SILENT_MS = 900;
/** A member that has answered within this time counts as healthy, in milliseconds. */
const FRESH_MS = 250;
/** Time that a member may take to answer a probe, in milliseconds. */
const PROBE_MS = 1000;
/** Pause between questions to members that have no leader, in milliseconds. */
const ELECTING_MS = 100;
/** Logins within one call: each of them may be overtaken by a change of the user's rights. */
const LOGINS = 2;

/** A stream of requests and answers. */
export interface RpcStream<Request> {
  write(request: Request): void;
  cancel(): void;
  /** Its login has expired; streams opened from now on get a new one. */
  expire(): void;
  /** Ends a silent stream; its connection isn't used any more. */
  abandon(): void;
}

/** Callbacks of a stream's owner. */
export interface StreamEvents<Response> {
  data(response: Response): void;
  /** Once; nothing follows. */
  end(error: NetsvcError): void;
}

/** A server, with what is known of it. */
interface Server extends Endpoint {
  target: string;
  channel: Channel;
  client: grpc.Client | undefined;
  /** When it last sent something, of `performance.now()`. */
  heard: number;
  /** When it last answered a question that the leader and a quorum have to agree to. */
  agreed: number;
}

/** A login; its token is empty where the store asks for none. */
interface Login {
  token: Promise<string>;
}

/** The calls of one store. */
export class Rpc {
  readonly #url: StoreUrl;
  readonly #endpoints: Ring<Server>;
  readonly #codecs = new Map<string, unknown>();
  readonly #renewals: Renewals;
  #login: Login | undefined;
  #closed = false;

  constructor(url: StoreUrl, renewals: Renewals) {
    this.#url = url;
    this.#renewals = renewals;
    renewals.onRenewal(({ tls }) => {
      this.#expire(this.#login);
      if (tls) this.#reconnect();
    });
    this.#endpoints = new Ring(url.endpoints.map((endpoint) => this.#server(endpoint)));
  }

  #server({ host, port }: Endpoint): Server {
    return {
      host,
      port,
      target: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
      channel: channel(this.#url, host),
      client: undefined,
      heard: 0,
      agreed: -Infinity,
    };
  }

  /** Other servers from now on. What is under way with one that is no more goes on until it ends. */
  useEndpoints(endpoints: readonly Endpoint[]): void {
    const { all } = this.#endpoints;
    this.#endpoints.replace(
      endpoints.map((one) =>
        all.find(({ host, port }) => host === one.host && port === one.port) ?? this.#server(one)
      ),
    );
    for (const server of all) {
      if (!this.#endpoints.all.includes(server)) this.#discard(server);
    }
  }

  /**
   * Makes a call.
   *
   * @param once whether it must not be done twice: then it isn't sent again once it may have arrived
   */
  async call<M extends keyof Calls>(
    method: M,
    request: Calls[M]["request"],
    once: boolean,
  ): Promise<Calls[M]["response"]> {
    const attempts = new Attempts(this.#endpoints.all.length, CALL_MS);
    const { end } = attempts;
    let logins = this.#url.username === undefined ? 0 : LOGINS;
    let electing = false;
    for (;;) {
      const endpoint = this.#endpoints.current;
      attempts.begin();
      const { last } = attempts;
      let login: Login | undefined;
      /** Whether the request itself was given to the endpoint. */
      let given = false;
      try {
        await this.#connect(endpoint, end, last);
        login = this.#loggedIn(endpoint, end);
        const metadata = await toMetadata(login);
        if (once) await this.#probe(endpoint, metadata, end);
        given = true;
        const { left } = attempts;
        const ms = once || last ? left : left / 2;
        const response = await this.#unary(endpoint, method, request, metadata, ms);
        endpoint.agreed = endpoint.heard;
        return response;
      } catch (error) {
        if (!isCallError(error)) throw error;
        if (await isOvertaken(error, attempts) || needsLogin(error) && logins-- > 0) {
          this.#expire(login);
          attempts.forgive();
          continue;
        }
        // A new password may lie there already.
        if (isRefused(error) && logins-- > 0 && await this.#renewals.look()) {
          attempts.forgive();
          continue;
        }
        const sent = once && given && !isUnsent(error);
        if (!isTrouble(error)) throw told(this.#url, error, sent);
        this.#leave(endpoint, error);
        const silent = error.code === grpc.status.DEADLINE_EXCEEDED;
        // The reachable members will elect a new leader in a second or two.
        electing ||= hasNoLeader(error) || once && silent;
        const again = !sent && attempts.inTime && (!last || electing);
        if (again) {
          if (last) await sleep(ELECTING_MS);
          continue;
        }
        throw told(this.#url, once && !sent && silent ? unanswered(endpoint) : error, sent);
      }
    }
  }

  /** Asks what a quorum has to agree to, unless that was answered just now. */
  async #probe(endpoint: Server, metadata: grpc.Metadata, end: number): Promise<void> {
    if (performance.now() - endpoint.agreed < FRESH_MS) return;
    const ms = Math.min(PROBE_MS, (end - performance.now()) / 2);
    const key = new TextEncoder().encode(`${this.#url.prefix}/`);
    await this.#unary(endpoint, "KV/Range", { key, keys_only: true }, metadata, ms);
    endpoint.agreed = endpoint.heard;
  }

  /** Opens a stream. `end` may be called before this returns. */
  async stream<M extends keyof Streams>(
    method: M,
    events: StreamEvents<Streams[M]["response"]>,
  ): Promise<RpcStream<Streams[M]["request"]>> {
    const attempts = new Attempts(this.#endpoints.all.length, CALL_MS);
    const { end } = attempts;
    const endpoint = this.#endpoints.current;
    let metadata: grpc.Metadata;
    let login: Login | undefined;
    try {
      await this.#connect(endpoint, end, this.#endpoints.all.length === 1);
      login = this.#loggedIn(endpoint, end);
      metadata = await toMetadata(login);
    } catch (error) {
      if (!isCallError(error)) throw error;
      this.#leave(endpoint, error);
      throw told(this.#url, error, false);
    }
    const { path, encode, decode } = this.#codec(method);
    const call = this.#client(endpoint).makeBidiStreamRequest<
      Streams[M]["request"],
      Streams[M]["response"]
    >(path, (value) => Buffer.from(encode(value)), decode, metadata);
    const client = endpoint.client;
    let ended = false;
    /** Ended by this side, which is no failure of the endpoint. */
    let cancelled = false;
    const finish = (error: CallError & Error) => {
      if (ended) return;
      ended = true;
      if (needsLogin(error)) this.#expire(login);
      if (isTrouble(error) && !cancelled) this.#leave(endpoint, error);
      events.end(told(this.#url, error, false));
    };
    call.on("data", (response) => {
      endpoint.heard = performance.now();
      if (!ended) events.data(response);
    });
    call.on("error", (error: grpc.ServiceError) => finish(error));
    call.on("end", () => {
      call.cancel();
      const details = "the server ended the stream";
      finish(Object.assign(new Error(details), { code: grpc.status.UNAVAILABLE, details }));
    });
    return {
      write: (request) => {
        if (!ended) call.write(request);
      },
      cancel: () => {
        cancelled = true;
        call.cancel();
      },
      expire: () => this.#expire(login),
      abandon: () => {
        call.cancel();
        if (endpoint.client === client) this.#discard(endpoint);
      },
    };
  }

  /** Waits until the endpoint's channel is up, or has failed: then a call reports why. */
  async #connect(endpoint: Server, end: number, last: boolean): Promise<void> {
    const channel = this.#client(endpoint).getChannel();
    const left = end - performance.now();
    const deadline = Date.now() + (last ? left : Math.min(left / 2, CONNECT_MS));
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === grpc.connectivityState.READY) return;
      if (state === grpc.connectivityState.TRANSIENT_FAILURE) return;
      const changed = await new Promise<boolean>((resolve) =>
        channel.watchConnectivityState(state, deadline, (error) => resolve(!error))
      );
      if (changed) continue;
      throw unanswered(endpoint);
    }
  }

  #loggedIn(endpoint: Server, end: number): Login | undefined {
    const { username: name, password } = this.#url;
    if (name === undefined || password === undefined) return undefined;
    if (this.#login) return this.#login;
    const token = this.#unary(
      endpoint,
      "Auth/Authenticate",
      { name, password },
      new grpc.Metadata(),
      end - performance.now(),
    ).then(({ token }) => token).catch((error) => {
      // As etcd's own client does: a store without logins accepts every client.
      if (isCallError(error) && /authentication is not enabled/.test(error.details)) return "";
      this.#expire(login);
      throw error;
    });
    token.catch(() => {});
    const login: Login = { token };
    return this.#login = login;
  }

  /** Drops a login that has expired, unless a newer one has replaced it. */
  #expire(login: Login | undefined): void {
    if (this.#login === login) this.#login = undefined;
  }

  #unary<M extends keyof Calls>(
    endpoint: Server,
    method: M,
    request: Calls[M]["request"],
    metadata: grpc.Metadata,
    ms: number,
  ): Promise<Calls[M]["response"]> {
    const { path, encode, decode } = this.#codec(method);
    const client = this.#client(endpoint);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest<Calls[M]["request"], Calls[M]["response"]>(
        path,
        (value) => Buffer.from(encode(value)),
        decode,
        request,
        metadata,
        { deadline: Date.now() + ms },
        (error, response) => {
          if (error) return reject(error);
          endpoint.heard = performance.now();
          resolve(response!);
        },
      );
    });
  }

  #client(endpoint: Server): grpc.Client {
    if (this.#closed) {
      throw new NetsvcError("unavailable", `The store "${this.#url.display}" is closed`);
    }
    const { target, channel: { credentials, options } } = endpoint;
    return endpoint.client ??= new grpc.Client(target, credentials, {
      ...CHANNEL_OPTIONS,
      ...options,
    });
  }

  /** Switches to the next endpoint, and abandons a connection that died in silence. */
  #leave(endpoint: Server, error: CallError): void {
    this.#endpoints.leave(endpoint);
    const silent = error.code === grpc.status.DEADLINE_EXCEEDED &&
      performance.now() - endpoint.heard > SILENT_MS;
    if (silent) this.#discard(endpoint);
  }

  /** What is under way ends on the old connections. */
  #reconnect(): void {
    for (const endpoint of this.#endpoints.all) {
      endpoint.channel = channel(this.#url, endpoint.host);
      this.#discard(endpoint);
    }
  }

  #discard(endpoint: Server): void {
    endpoint.client?.close();
    endpoint.client = undefined;
  }

  #codec<M extends keyof (Calls & Streams)>(
    method: M,
  ): Codec<(Calls & Streams)[M]["request"], (Calls & Streams)[M]["response"]> {
    let found = this.#codecs.get(method);
    if (!found) this.#codecs.set(method, found = codec(method));
    return found as Codec<(Calls & Streams)[M]["request"], (Calls & Streams)[M]["response"]>;
  }

  /** Ends all connections. */
  close(): void {
    this.#closed = true;
    for (const endpoint of this.#endpoints.all) endpoint.client?.close();
  }
}

/** The error to tell of. */
function told(
  { display: store, own }: StoreUrl,
  error: CallError & Error,
  write: boolean,
): NetsvcError {
  return failure(error, { store, write, own });
}

/** Metadata of every request. */
async function toMetadata(login: Login | undefined): Promise<grpc.Metadata> {
  const metadata = new grpc.Metadata();
  // Has a member without a leader answer with an error instead of waiting.
  metadata.set("hasleader", "true");
  const token = await login?.token;
  if (token) metadata.set("token", token);
  return metadata;
}

function unanswered({ target }: Server): CallError & Error {
  const details = `No connection established. Last error: ${target} does not answer`;
  return Object.assign(new Error(details), { code: grpc.status.UNAVAILABLE, details });
}

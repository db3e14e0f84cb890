/**
 * The calls of {@linkcode AdminChannels}, by gRPC: loaded with the first of them.
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import type { Endpoint } from "../../url/url_parts.ts";
import { channel, CHANNEL_OPTIONS } from "../channel.ts";
import { failure, isCallError, isOvertaken, isTrouble, isUnsent } from "../failure.ts";
import { type Codec, codecOf } from "../messages.ts";
import { type AdminCalls, adminProtocol } from "./admin_proto.ts";
import { type AdminUrl, CALL_MS, type CallOptions, displayOf, endpointText } from "./admin_url.ts";

/** With less time left a call isn't made again, in milliseconds. */
const MARGIN_MS = 50;

/** A member that hasn't answered is asked after the others for so long, in milliseconds. */
const AWAY_MS = 30_000;

/** Connections to the members of a cluster, made when they are used. */
export class AdminClients implements Disposable {
  #url: AdminUrl;
  readonly #clients = new Map<string, grpc.Client>();
  /** Until when members are asked last, by `performance.now()`. */
  readonly #away = new Map<string, number>();

  constructor(url: AdminUrl) {
    this.#url = url;
  }

  /** Other members from now on. */
  useEndpoints(endpoints: readonly Endpoint[]): void {
    this.#url = { ...this.#url, endpoints: [...endpoints] };
    this.#away.clear();
  }

  get #display(): string {
    return displayOf(this.#url);
  }

  /** Makes a call; members that don't answer are passed over. @throws {NetsvcError} */
  async call<M extends keyof AdminCalls>(
    method: M,
    request: AdminCalls[M]["request"],
    { at, ms = CALL_MS, once = false }: CallOptions = {},
  ): Promise<AdminCalls[M]["response"]> {
    const endpoints = at ? [at] : this.#inTurn();
    const end = performance.now() + ms;
    for (const [i, endpoint] of endpoints.entries()) {
      const rest = endpoints.length - i;
      const left = end - performance.now();
      try {
        const answer = await this.#settled(endpoint, { method, request, ms: left / rest });
        this.#away.delete(endpointText(endpoint));
        return answer;
      } catch (error) {
        if (!isCallError(error)) throw error;
        // One that refuses has answered.
        const away = isTrouble(error) && !error.details.startsWith("etcdserver: ");
        if (away) this.#away.set(endpointText(endpoint), performance.now() + AWAY_MS);
        const again = isTrouble(error) && (!once || isUnsent(error)) && rest > 1;
        if (!again) throw failure(error, { store: this.#display, write: once });
      }
    }
    throw new Error("An etcd without endpoints");
  }

  /** All members: those that answer before those that didn't. */
  #inTurn(): Endpoint[] {
    const now = performance.now();
    const away = (endpoint: Endpoint) => (this.#away.get(endpointText(endpoint)) ?? 0) > now;
    const { endpoints } = this.#url;
    return [...endpoints.filter((one) => !away(one)), ...endpoints.filter(away)];
  }

  /** A call, and again while changes of users come before it: etcd has done nothing then. */
  async #settled<M extends keyof AdminCalls>(
    endpoint: Endpoint,
    { method, request, ms }: { method: M; request: AdminCalls[M]["request"]; ms: number },
  ): Promise<AdminCalls[M]["response"]> {
    const end = performance.now() + ms;
    for (;;) {
      const left = end - performance.now();
      try {
        return await this.#unary(endpoint, { method, request, ms: left });
      } catch (error) {
        const inTime = left > MARGIN_MS;
        if (!isCallError(error) || !await isOvertaken(error, { inTime })) throw error;
      }
    }
  }

  #unary<M extends keyof AdminCalls>(
    endpoint: Endpoint,
    { method, request, ms }: { method: M; request: AdminCalls[M]["request"]; ms: number },
  ): Promise<AdminCalls[M]["response"]> {
    const { path, encode, decode }: Codec<AdminCalls[M]["request"], AdminCalls[M]["response"]> =
      codecOf(adminProtocol, method);
    const client = this.#client(endpoint);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest<AdminCalls[M]["request"], AdminCalls[M]["response"]>(
        path,
        (value) => Buffer.from(encode(value)),
        decode,
        request,
        new grpc.Metadata(),
        { deadline: Date.now() + Math.max(1, ms) },
        (error, response) => error ? reject(error) : resolve(response!),
      );
    });
  }

  #client(endpoint: Endpoint): grpc.Client {
    const target = endpointText(endpoint);
    let client = this.#clients.get(target);
    if (!client) {
      const { tls } = this.#url;
      const { credentials, options } = channel({ tls, display: this.#display }, endpoint.host);
      client = new grpc.Client(target, credentials, { ...CHANNEL_OPTIONS, ...options });
      this.#clients.set(target, client);
    }
    return client;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}

/**
 * Single calls of etcd's management API, to a named member or to the first that answers.
 *
 * @module
 */
import type { Endpoint } from "../../url/url_parts.ts";
import type { AdminClients } from "./admin_clients.ts";
import type { AdminCalls } from "./admin_proto.ts";
import { type AdminUrl, type CallOptions, displayOf } from "./admin_url.ts";

/**
 * Connections to the members of a cluster, made when they are used. gRPC is loaded with the first call: a daemon that
 * is in no cluster starts without it.
 */
export class AdminChannels implements Disposable {
  #url: AdminUrl;
  #clients: Promise<AdminClients> | undefined;

  constructor(url: AdminUrl) {
    this.#url = url;
  }

  /** Other members from now on. */
  useEndpoints(endpoints: readonly Endpoint[]): void {
    this.#url = { ...this.#url, endpoints: [...endpoints] };
    this.#clients?.then((clients) => clients.useEndpoints(endpoints), () => {});
  }

  /** Shows and trusts other certificates from now on. Calls that are under way fail. */
  useTls(tls: AdminUrl["tls"]): void {
    this.#url = { ...this.#url, tls };
    this[Symbol.dispose]();
  }

  /** For messages. */
  get display(): string {
    return displayOf(this.#url);
  }

  /** Makes a call; members that don't answer are passed over. @throws {NetsvcError} */
  async call<M extends keyof AdminCalls>(
    method: M,
    request: AdminCalls[M]["request"],
    options: CallOptions = {},
  ): Promise<AdminCalls[M]["response"]> {
    this.#clients ??= this.#load();
    return await (await this.#clients).call(method, request, options);
  }

  async #load(): Promise<AdminClients> {
    const { AdminClients } = await import("./admin_clients.ts");
    return new AdminClients(this.#url);
  }

  [Symbol.dispose](): void {
    this.#clients?.then((clients) => clients[Symbol.dispose](), () => {});
    this.#clients = undefined;
  }
}

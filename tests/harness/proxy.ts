/**
 * A TCP proxy on loopback that misbehaves on command: networks fail in more ways than servers do.
 *
 * @module
 */
import type { Endpoint } from "../../kv/url/url_parts.ts";

/** A pair of connections, of which either may be closed. */
class Link {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
  /** Nothing passes any more. */
  readonly dead = Promise.withResolvers<never>();
  isDead = false;

  constructor(client: Deno.TcpConn, server: Deno.TcpConn) {
    this.client = client;
    this.server = server;
    this.dead.promise.catch(() => {});
  }

  /** Silently ceases to pass anything, until it is closed. */
  abandon(): void {
    this.isDead = true;
  }

  close(): void {
    this.dead.reject(new Error("Closed"));
    for (const conn of [this.client, this.server]) {
      try {
        conn.close();
      } catch {
        // It is closed.
      }
    }
  }
}

/** A proxy. */
export class Proxy implements AsyncDisposable, Endpoint {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #target: Endpoint;
  readonly #links = new Set<Link>();
  readonly #pumps = new Set<Promise<void>>();
  #listener: Deno.TcpListener;
  #refusing = false;
  #delay = 0;
  /** Open unless stalled. */
  #gate: PromiseWithResolvers<void> | undefined;
  /** Connections accepted so far. */
  accepted = 0;

  constructor(target: Endpoint) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: this.host, port: 0 });
    this.port = this.#listener.addr.port;
    this.#track(this.#accept(this.#listener));
  }

  /** `HOST:PORT`. */
  get endpoint(): string {
    return `${this.host}:${this.port}`;
  }

  /** Connections that are up. */
  get connections(): number {
    return this.#links.size;
  }

  /** Closes all connections; new ones work. */
  cut(): void {
    for (const link of this.#links) link.close();
    this.#links.clear();
  }

  /** Closes all connections and refuses new ones, as a stopped server does. */
  refuse(): void {
    if (!this.#refusing) this.#listener.close();
    this.#refusing = true;
    this.cut();
  }

  /** Holds all bytes back for `ms` milliseconds. */
  delay(ms: number): void {
    this.#delay = ms;
  }

  /** Nothing passes and nothing is closed, on old and new connections: a silent partition. */
  stall(): void {
    this.#gate ??= Promise.withResolvers();
  }

  /** Nothing passes on the connections of now, for ever, and nothing is closed; new ones work. */
  abandon(): void {
    for (const link of this.#links) link.abandon();
  }

  /** Tells every client that the server has finished sending, which still listens. */
  async halfClose(): Promise<void> {
    for (const { client } of this.#links) await client.closeWrite().catch(() => {});
  }

  /** Ends all of this. What a stall held back passes. */
  heal(): void {
    this.#delay = 0;
    this.#gate?.resolve();
    this.#gate = undefined;
    if (!this.#refusing) return;
    this.#refusing = false;
    this.#listener = Deno.listen({ hostname: this.host, port: this.port });
    this.#track(this.#accept(this.#listener));
  }

  #track(pump: Promise<void>): void {
    const tracked: Promise<void> = pump.catch(() => {}).finally(() => this.#pumps.delete(tracked));
    this.#pumps.add(tracked);
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const client of listener) {
      this.accepted++;
      this.#track(this.#connect(client));
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ hostname: this.#target.host, port: this.#target.port });
    } catch {
      client.close();
      return;
    }
    client.setNoDelay(true);
    server.setNoDelay(true);
    const link = new Link(client, server);
    this.#links.add(link);
    if (this.#refusing) this.cut();
    await Promise.all([this.#pump(link, client, server), this.#pump(link, server, client)]);
    link.close();
    this.#links.delete(link);
  }

  async #pump(link: Link, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const length = await from.read(buffer).catch((error) => {
          link.close(); // A reset, which the other side is to hear of.
          throw error;
        });
        if (this.#delay > 0) await new Promise((resolve) => setTimeout(resolve, this.#delay));
        while (this.#gate) await this.#gate.promise;
        if (link.isDead) await link.dead.promise;
        if (length === null) return await to.closeWrite();
        for (let sent = 0; sent < length;) sent += await to.write(buffer.subarray(sent, length));
      }
    } catch {
      // After a half-close the other direction goes on until its own end.
      if (from === link.client) link.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse();
    this.#gate?.resolve();
    this.#gate = undefined;
    await Promise.all(this.#pumps);
  }
}

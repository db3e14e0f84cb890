/**
 * The API on a TCP address with TLS, on a host of a cluster: besides tokens it takes the certificates of the cluster's
 * hosts.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import type { Credentials } from "./credentials.ts";
import { cannotListen, connectionsFor, type TcpAddress, type TcpApiOptions } from "./listen.ts";
import { MutualTls } from "./mutual_tls.ts";
import { HttpServer } from "./server.ts";

const log = getLogger(["netsvc", "api"]);
/** How often it is looked whether hosts' certificates are of another authority, in milliseconds. */
const LOOK_MS = 2_000;

/** Knows hosts by their certificates. */
export interface HostsByCertificate {
  /** The authorities that they are of, PEM. */
  authorities(): Promise<string>;
  /**
   * @param der a certificate whose key the other end has shown to have
   * @returns the host's id; `undefined` for who is none
   * @throws {NetsvcError} `unavailable`
   */
  hostOf(der: Uint8Array): Promise<string | undefined>;
  /** Calls `act` whenever a host came or went, until `signal`. Never fails. */
  follow(signal: AbortSignal, act: () => Promise<void>): Promise<void>;
}

/** Serves it. */
export class MemberApi {
  readonly #hosts: HostsByCertificate;
  readonly #server: HttpServer;
  readonly #stop = new AbortController();
  #front!: MutualTls;
  #tls: NonNullable<Credentials["tls"]>;
  #ca: string;
  #timer: number | undefined;

  private constructor(
    hosts: HostsByCertificate,
    { tls, ca, options: { handler, listeners } }: {
      tls: NonNullable<Credentials["tls"]>;
      ca: string;
      options: TcpApiOptions;
    },
  ) {
    this.#hosts = hosts;
    this.#tls = tls;
    this.#ca = ca;
    this.#server = new HttpServer(handler, { connections: connectionsFor(listeners) });
    this.#front = new MutualTls(this.#server, { handler, files: { ...tls, ca } });
  }

  /** @throws {NetsvcError} `in_use` */
  static async open(
    address: TcpAddress,
    { tls, hosts, options }: {
      tls: NonNullable<Credentials["tls"]>;
      hosts: HostsByCertificate;
      options: TcpApiOptions;
    },
  ): Promise<MemberApi> {
    const api = new MemberApi(hosts, { tls, ca: await hosts.authorities(), options });
    try {
      await api.#front.listen(address);
    } catch (error) {
      throw cannotListen(`${address.hostname}:${address.port}`, error);
    }
    api.#timer = setInterval(() => void api.#look(), LOOK_MS);
    void hosts.follow(api.#stop.signal, () => api.#cut());
    return api;
  }

  /** New connections get the new certificate; connections whose token is no longer valid are cut off. */
  renew({ tls, tokens }: Credentials, renewed: { tls: boolean; tokens: boolean }): void {
    if (renewed.tokens && tokens) {
      this.#server.hangUp(({ token }) => token !== undefined && !tokens.includes(token));
    }
    if (!renewed.tls || !tls) return;
    this.#tls = tls;
    this.#front.renew({ ...tls, ca: this.#ca });
  }

  /** Takes hosts' certificates of another authority, where there is one. */
  async #look(): Promise<void> {
    try {
      const ca = await this.#hosts.authorities();
      if (ca === this.#ca) return;
      this.#ca = ca;
      this.#front.renew({ ...this.#tls, ca });
      await this.#cut();
    } catch (error) {
      log.warn("Cannot take hosts' certificates: {cause}", { cause: errorChain(error)[0] });
    }
  }

  /** Ends the connections of hosts that are none any more, and of those of which that can't be told. */
  async #cut(): Promise<void> {
    await Promise.all(this.#server.all.map(async (connection) => {
      const { certificate, host } = connection;
      if (host === undefined || !certificate) return;
      const now = await this.#hosts.hostOf(certificate).catch(() => undefined);
      if (now !== host) this.#server.hangUp((one) => one === connection);
    }));
  }

  async shutdown(grace: number): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#front.close();
    await this.#server.shutdown(grace);
  }
}

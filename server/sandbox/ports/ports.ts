/**
 * Published ports: the daemon holds each one by a socket of each family, so that no other program and no other
 * container binds it. nftables leads the traffic into the sandbox before it reaches these sockets, except what it
 * can't translate: see relay.ts.
 *
 * @module
 */
import { BoundSocket } from "../../../lib/linux/sockets/bound_socket.ts";
import { Poller } from "../../../lib/linux/sockets/poller.ts";
import { relayDatagrams, relayStreams } from "./relay.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";

/** A port, or a range, as text like `0.0.0.0:8080/tcp`. */
export function portText(port: PublishedPort): string {
  const ip = port.hostIp?.includes(":") ? `[${port.hostIp}]` : port.hostIp;
  const range = port.hostPortEnd === undefined ? "" : `-${port.hostPortEnd}`;
  return `${ip ? `${ip}:` : ""}${port.hostPort}${range}/${port.protocol}`;
}

/** The addresses of a port by family; `*`: all of the host's. */
function addressesOf(
  { hostIp }: PublishedPort,
): [four: string | undefined, six: string | undefined] {
  if (hostIp === undefined) return ["*", "*"];
  if (hostIp.includes(":")) return [undefined, hostIp === "::" ? "*" : hostIp];
  return [hostIp === "0.0.0.0" ? "*" : hostIp, undefined];
}

/** Whether two ports can't both be published. */
export function portsClash(a: PublishedPort, b: PublishedPort): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  const others = addressesOf(b);
  return addressesOf(a).some((one, family) => {
    const other = others[family];
    if (one === undefined || other === undefined) return false;
    return one === "*" || other === "*" || one === other;
  });
}

interface Holder {
  port: number;
  close(): void;
}

/**
 * The address to which a client's traffic is relayed, if that client may connect; `undefined`: no container is
 * attached.
 */
export type PortTarget = (client: Uint8Array) => string | undefined;

/** `errno` of an address family that the host doesn't have. */
const EAFNOSUPPORT = 97;
const EADDRINUSE = 98;
/** `errno` of an address that the host doesn't have, such as any of a family that is switched off. */
const EADDRNOTAVAIL = 99;
/** Attempts for port 0, which the kernel picks in one family and which must be free in the other. */
const TRIES = 16;

/** `errno` of a failure. */
function codeOf(error: unknown): number | undefined {
  return error instanceof NetsvcError ? (error as { errno?: number }).errno : undefined;
}

const LOOPBACK6 = "0".repeat(31) + "1";

/** Whether a client may connect to an address: only loopback clients to loopback addresses. */
function mayCome(hostname: string, client: Uint8Array): boolean {
  if (/^127\./.test(hostname)) return client[0] === 127;
  return hostname !== "::1" || client.toHex() === LOOPBACK6;
}

/** The ports that this daemon holds. */
export class PortHolders {
  readonly #held = new Map<string, Holder[]>();
  #poller: Poller | undefined;

  /**
   * Holds the ports of a container and returns them with host port 0, or a range, replaced by the one
   * taken.
   *
   * @throws {NetsvcError} `in_use` when a program of this host has a port; none is held then
   */
  hold(container: string, ports: PublishedPort[], target: PortTarget): PublishedPort[] {
    const holders: Holder[] = [];
    try {
      const taken = ports.map(({ hostPortEnd, ...port }) => {
        const holder = hostPortEnd === undefined
          ? this.#holdOne(port, target)
          : this.#holdAny(port, hostPortEnd, target);
        holders.push(holder);
        return { ...port, hostPort: holder.port };
      });
      this.#held.set(container, [...this.#held.get(container) ?? [], ...holders]);
      return taken;
    } catch (error) {
      for (const holder of holders) holder.close();
      throw error;
    }
  }

  /** Holds the first free port of a range. */
  #holdAny(port: PublishedPort, last: number, target: PortTarget): Holder {
    for (let hostPort = port.hostPort; hostPort <= last; hostPort++) {
      try {
        return this.#holdOne({ ...port, hostPort }, target);
      } catch (error) {
        if (!(error instanceof NetsvcError) || codeOf(error.cause) !== EADDRINUSE) throw error;
      }
    }
    throw new NetsvcError(
      "in_use",
      `Cannot publish a port of ${
        portText({ ...port, hostPortEnd: last })
      }: all of them are in use; ` +
        `choose a wider range`,
    );
  }

  #holdOne(port: PublishedPort, target: PortTarget): Holder {
    const hostnames = port.hostIp === undefined ? ["0.0.0.0", "::"] : [port.hostIp];
    for (let i = 0;; i++) {
      const held: Holder[] = [];
      let { hostPort } = port;
      try {
        for (const hostname of hostnames) {
          const holder = this.#holdIfThere(
            hostname,
            { ...port, hostPort },
            target,
            held.length > 0,
          );
          if (holder) held.push(holder);
          hostPort = holder?.port ?? hostPort;
        }
        return { port: hostPort, close: () => held.forEach((holder) => holder.close()) };
      } catch (error) {
        for (const holder of held) holder.close();
        const code = codeOf(error);
        if (code === EADDRINUSE && port.hostPort === 0 && i < TRIES) continue;
        throw refused(port, code, error);
      }
    }
  }

  /** Holds a port of one family; `undefined` where the host doesn't have that family, and another is enough. */
  #holdIfThere(
    hostname: string,
    port: PublishedPort,
    target: PortTarget,
    enough: boolean,
  ): Holder | undefined {
    try {
      return this.#holdFamily(hostname, port, target);
    } catch (error) {
      const missing = [EAFNOSUPPORT, EADDRNOTAVAIL].includes(codeOf(error) ?? 0);
      if (missing && enough) return undefined;
      throw error;
    }
  }

  #holdFamily(hostname: string, port: PublishedPort, target: PortTarget): Holder {
    const poller = this.#poller ??= new Poller();
    const type = port.protocol === "tcp" ? "stream" : "datagram";
    const socket = new BoundSocket(poller, type, hostname, port.hostPort);
    const relay = type === "stream" ? relayStreams : relayDatagrams;
    const passing = relay({ poller, socket }, ({ address }) => {
      const to = mayCome(hostname, address) ? target(address) : undefined;
      return to === undefined ? undefined : { address: to, port: port.containerPort };
    });
    return { port: socket.port, close: () => passing[Symbol.dispose]() };
  }

  /** Releases all ports of a container. */
  release(container: string): void {
    for (const holder of this.#held.get(container) ?? []) holder.close();
    this.#held.delete(container);
  }

  /** Releases all ports. */
  async close(): Promise<void> {
    for (const container of [...this.#held.keys()]) this.release(container);
    await this.#poller?.close();
  }
}

function refused(port: PublishedPort, code: number | undefined, cause: unknown): NetsvcError {
  const why = code === EADDRINUSE
    ? "a program of this host uses it; stop it or choose another port"
    : code === EADDRNOTAVAIL
    ? "the address isn't this host's"
    : "the host refused it";
  return new NetsvcError("in_use", `Cannot publish port ${portText(port)}: ${why}`, { cause });
}

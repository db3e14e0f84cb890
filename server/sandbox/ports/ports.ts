/**
 * Published ports: the daemon holds each one by a socket of each family, so that no other program and no
 * other container takes it. Traffic doesn't come this way (nftables leads it into the sandbox
 * before) but for what can't be led: see relay.ts.
 *
 * @module
 */
import { BoundSocket } from "../../../lib/linux/sockets/bound_socket.ts";
import { Poller } from "../../../lib/linux/sockets/poller.ts";
import { relayDatagrams, relayStreams } from "./relay.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";

/** `0.0.0.0:8080/tcp`-like text of a port, or of a range. */
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

/** Whether two ports can't be published both. */
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

/** Where what has to be passed on goes, and who may come; `undefined`: nobody is attached. */
export type PortTarget = (client: Uint8Array) => string | undefined;

/** `errno` of an address family that the host hasn't got, or of which it has no address. */
const EAFNOSUPPORT = 97, EADDRINUSE = 98, EADDRNOTAVAIL = 99;
/** Port 0 is taken in one family, then asked for in the other: so often another is tried. */
const TRIES = 16;

/** `errno` of a failure. */
function codeOf(error: unknown): number | undefined {
  return error instanceof NetsvcError ? (error as { errno?: number }).errno : undefined;
}

const LOOPBACK6 = "0".repeat(31) + "1";

/** Whether a client of an address may come: what is loopback's is for loopback. */
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

  /** The first free port of a range. */
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

  /** Holds a port of one family; `undefined` where the host hasn't got that, and another is enough. */
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

  /** Lets go of all ports of a container. */
  release(container: string): void {
    for (const holder of this.#held.get(container) ?? []) holder.close();
    this.#held.delete(container);
  }

  /** Lets go of everything. */
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

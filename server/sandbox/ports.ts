/**
 * Published ports: the daemon holds each one by a listening socket, so that no other program and no
 * other container takes it. Traffic doesn't come this way (nftables leads it into the sandbox
 * before) but for what can't be led: `::1`, and IPv6 clients of a container that has IPv4 only.
 * Those connections are passed on here, byte by byte.
 *
 * @module
 */
import { NetsvcError } from "../wire/errors.ts";
import type { PublishedPort } from "../wire/types.ts";

/** Connections that one port passes on at once. */
const MAX_CONNECTIONS = 256;

/** `0.0.0.0:8080/tcp`-like text of a port, or of a range. */
export function portText(port: PublishedPort): string {
  const ip = port.hostIp?.includes(":") ? `[${port.hostIp}]` : port.hostIp;
  const range = port.hostPortEnd === undefined ? "" : `-${port.hostPortEnd}`;
  return `${ip ? `${ip}:` : ""}${port.hostPort}${range}/${port.protocol}`;
}

/** Whether two ports can't be published both. */
export function portsClash(a: PublishedPort, b: PublishedPort): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort &&
    (a.hostIp === undefined || b.hostIp === undefined || a.hostIp === b.hostIp);
}

type Holder = { port: number; close: () => void };

/** Where a connection that has to be passed on goes; `undefined`: nobody is attached. */
export type PortTarget = () => string | undefined;

async function pass(client: Deno.TcpConn, target: string, port: number): Promise<void> {
  using _client = client;
  using server = await Deno.connect({ hostname: target, port });
  await Promise.all([
    client.readable.pipeTo(server.writable),
    server.readable.pipeTo(client.writable),
  ]);
}

function holdTcp(hostname: string, port: PublishedPort, target: PortTarget): Holder {
  const listener = Deno.listen({ hostname, port: port.hostPort });
  let open = 0;
  const accept = async () => {
    for await (const client of listener) {
      const to = target();
      if (to === undefined || open >= MAX_CONNECTIONS) {
        client.close();
        continue;
      }
      open++;
      pass(client, to, port.containerPort)
        .catch(() => {}) // Either end may go at any time; the other sees its connection closed.
        .finally(() => open--);
    }
  };
  accept().catch(() => {});
  return { port: listener.addr.port, close: () => listener.close() };
}

function holdUdp(hostname: string, port: PublishedPort): Holder {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: port.hostPort });
  return { port: (socket.addr as Deno.NetAddr).port, close: () => socket.close() };
}

/** The ports that this daemon holds. */
export class PortHolders {
  readonly #held = new Map<string, Holder[]>();

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
        const isTaken = error instanceof NetsvcError &&
          error.cause instanceof Deno.errors.AddrInUse;
        if (!isTaken) throw error;
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
    const hold = port.protocol === "tcp" ? holdTcp : holdUdp;
    // `::` takes both families; a host without IPv6 has `0.0.0.0` alone.
    const hostnames = port.hostIp === undefined ? ["::", "0.0.0.0"] : [port.hostIp];
    let failure: unknown;
    for (const hostname of hostnames) {
      try {
        return hold(hostname, port, target);
      } catch (error) {
        failure = error;
        if (error instanceof Deno.errors.AddrInUse) break;
      }
    }
    const why = failure instanceof Deno.errors.AddrInUse
      ? "a program of this host uses it; stop it or choose another port"
      : failure instanceof Deno.errors.AddrNotAvailable
      ? "the address isn't this host's"
      : "the host refused it";
    throw new NetsvcError("in_use", `Cannot publish port ${portText(port)}: ${why}`, {
      cause: failure,
    });
  }

  /** Lets go of all ports of a container. */
  release(container: string): void {
    for (const holder of this.#held.get(container) ?? []) holder.close();
    this.#held.delete(container);
  }

  /** Lets go of everything. */
  close(): void {
    for (const container of [...this.#held.keys()]) this.release(container);
  }
}

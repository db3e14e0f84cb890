/**
 * A machine without a kernel: its drivers note what they are told, its namespaces are names, its
 * resolvers answer nobody.
 *
 * @module
 */
import type { DesiredNetwork, Driver, NetworkSpec, Peer } from "../../drivers/driver.ts";
import { namesOnlyDriver } from "../../drivers/names_only/names_only.ts";
import type { Machine } from "../../server/machine/machine.ts";

/** When an endpoint on another host was first told to the driver (Unix time in milliseconds). */
export type Seen = Record<string, number>;

/** What the overlay driver has been told. */
export class PeerLog {
  readonly #networks = new Map<string, Map<string, number>>();
  /** Endpoints that went, with the time. */
  #gone: Seen = {};
  /** Rounds: calls that name all peers of a network. */
  rounds = 0;

  set(network: NetworkSpec, peers: Peer[]): void {
    this.rounds++;
    const now = performance.timeOrigin + performance.now();
    const known = this.#networks.get(network.id) ?? new Map<string, number>();
    const next = new Map(peers.map(({ endpoint }) => [endpoint.id, known.get(endpoint.id) ?? now]));
    for (const id of known.keys()) if (!next.has(id)) this.#gone[id] = now;
    this.#networks.set(network.id, next);
  }

  get seen(): Seen {
    return Object.fromEntries([...this.#networks.values()].flatMap((peers) => [...peers]));
  }

  /** Takes what went since the last call. */
  takeGone(): Seen {
    const gone = this.#gone;
    this.#gone = {};
    return gone;
  }
}

function overlay(log: PeerLog): Driver {
  return {
    ...namesOnlyDriver("overlay"),
    capabilities: {
      scope: "global",
      createsNetworks: true,
      addresses: true,
      vni: true,
      gateway: "none",
      exclusiveWithReconcile: true,
      external: false,
    },
    setPeers: (network, peers) => Promise.resolve(log.set(network, peers)),
    reconcile: (desired: DesiredNetwork[]) => {
      for (const { network, joins, peers } of desired) {
        if (joins.length > 0) log.set(network, peers);
      }
      return Promise.resolve({ mended: [], removed: [], failed: [] });
    },
  };
}

function bridge(): Driver {
  return {
    ...namesOnlyDriver("bridge"),
    capabilities: {
      scope: "local",
      createsNetworks: true,
      addresses: true,
      vni: false,
      gateway: "own",
      exclusiveWithReconcile: true,
      external: false,
    },
  };
}

/** Makes one. @param address of the tunnel endpoint that it would have */
export function simulatedMachine(address: string, log: PeerLog, containers: Set<string>): Machine {
  const drivers = [overlay(log), bridge(), namesOnlyDriver("host"), namesOnlyDriver("null")];
  return {
    underlay: {
      current: { address, interface: "eth0", mtu: 1500 },
      addresses: [`${address}/24`],
      refresh: () => Promise.resolve(),
    },
    drivers: new Map(drivers.map((driver) => [driver.name, driver])),
    refuseOthers: () => Promise.resolve(),
    claim: () =>
      Promise.resolve({
        namespaces: {
          directory: "/simulated",
          path: (id) => `/simulated/${id}`,
          alive: (id) => containers.has(id),
          list: () => [...containers],
          listOwn: () => [],
          adopt: (id) => Promise.resolve(void containers.add(id)),
          create: (id) => Promise.resolve(void containers.add(id)),
          remove: (id) => Promise.resolve(void containers.delete(id)),
        },
        [Symbol.dispose]: () => {},
      }),
    look: () => Promise.resolve({ links: [], hasRoute: false }),
    serveNames: () => ({
      serve: () => {},
      useOwn: () => {},
      end: () => Promise.resolve(),
      expect: () => ({ seen: false, [Symbol.dispose]: () => {} }),
      counts: () => ({ local: 0, cached: 0, forwarded: 0, refused: 0, error: 0 }),
      close: () => Promise.resolve(),
    }),
    resolverSockets: () => ({ udp: -1, tcp: -1 }),
  };
}

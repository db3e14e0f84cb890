/**
 * What the daemon counts, in prom-client's form: loaded with the first scrape (see `metrics.ts`).
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

const METHODS = new Set(["GET", "POST", "DELETE"]);

/** Sources of the daemon's gauges. */
export interface Gauges {
  networks: () => number;
  services: () => number;
  attachedServices: () => number;
  containers: () => number;
  sandboxes: () => number;
}

/** The instruments that count. */
export class Instruments {
  readonly registry: Registry = new Registry();
  readonly #requests: Histogram<"method" | "route" | "status">;
  readonly #tools: Histogram<"tool">;

  constructor() {
    const registers = [this.registry];
    this.#requests = new Histogram({
      name: "netsvc_http_request_duration_seconds",
      help: "Time to answer API requests",
      labelNames: ["method", "route", "status"],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.#tools = new Histogram({
      name: "netsvc_tool_duration_seconds",
      help: "Time of calls to ip, bridge, nft",
      labelNames: ["tool"],
      buckets: [0.002, 0.004, 0.008, 0.016, 0.032, 0.1, 0.5, 2],
      registers,
    });
  }

  /** Adds the queries of sandboxes, which are counted elsewhere and read at each scrape. */
  countQueries(source: () => Record<string, number>): void {
    new Counter({
      name: "netsvc_dns_queries_total",
      help: "DNS queries of sandboxes, by how they were answered",
      labelNames: ["kind"],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [kind, queries] of Object.entries(source())) {
          if (queries > 0) this.inc({ kind }, queries);
        }
      },
    });
  }

  /** Adds gauges, whose sources are read at each scrape. */
  watch(gauges: Gauges): void {
    const help: Record<keyof Gauges, [string, string]> = {
      networks: ["netsvc_networks", "Networks"],
      services: ["netsvc_services", "Published services"],
      attachedServices: ["netsvc_services_attached", "Services with a backend"],
      containers: ["netsvc_containers", "Containers of this host"],
      sandboxes: ["netsvc_sandboxes", "Sandboxes whose names are served"],
    };
    for (const [key, [name, text]] of Object.entries(help) as [keyof Gauges, [string, string]][]) {
      new Gauge({
        name,
        help: text,
        registers: [this.registry],
        collect() {
          this.set(gauges[key]());
        },
      });
    }
  }

  /** Adds gauges of the tunnels of encrypted networks, read at each scrape. */
  watchTunnel(peers: () => Promise<{ host: string; handshake: number }[]>): void {
    const registers = [this.registry];
    new Gauge({
      name: "netsvc_tunnel_handshake_age_seconds",
      help: "Time since the last handshake with a host that shares an encrypted network",
      labelNames: ["host"],
      registers,
      async collect() {
        this.reset(); // A host that is a peer no more has no line.
        for (const { host, handshake } of await peers().catch(() => [])) {
          const age = handshake === 0 ? Infinity : Date.now() / 1000 - handshake;
          this.set({ host: host.slice(0, 12) }, age);
        }
      },
    });
  }

  /** Counts an answered request. @param ms in milliseconds */
  request(method: string, route: string, status: number, ms: number): void {
    // Clients can invent methods, and every label value stays in memory.
    const known = METHODS.has(method) ? method : "other";
    this.#requests.observe({ method: known, route, status: String(status) }, ms / 1000);
  }

  /** Counts a call to a tool. @param ms in milliseconds */
  tool(tool: string, ms: number): void {
    this.#tools.observe({ tool }, ms / 1000);
  }
}

/**
 * The daemon's metrics, for `/metrics` (Prometheus text format).
 *
 * @module
 */
import type { Gauges, Instruments } from "./instruments.ts";

/** What is counted before the instruments are loaded is kept, up to so many; then they are loaded. */
const KEPT = 1_000;

/** What a scrape gets. */
export interface Scrape {
  text: string;
  contentType: string;
}

/**
 * Counts from the daemon's start on. What counts is loaded when somebody asks, or when much was counted: a start does
 * without it, and so does a host that nobody scrapes for a while.
 */
export class Metrics {
  #instruments: Instruments | undefined;
  #loading: Promise<Instruments> | undefined;
  #kept: ((instruments: Instruments) => void)[] = [];

  /** Adds the queries of sandboxes, which are counted elsewhere and read at each scrape. */
  countQueries(source: () => Record<string, number>): void {
    this.#with((instruments) => instruments.countQueries(source));
  }

  /** Adds gauges, whose sources are read at each scrape. */
  watch(gauges: Gauges): void {
    this.#with((instruments) => instruments.watch(gauges));
  }

  /** Adds gauges of the tunnels of encrypted networks, read at each scrape. */
  watchTunnel(peers: () => Promise<{ host: string; handshake: number }[]>): void {
    this.#with((instruments) => instruments.watchTunnel(peers));
  }

  /** Counts an answered request. @param ms in milliseconds */
  request(method: string, route: string, status: number, ms: number): void {
    this.#with((instruments) => instruments.request(method, route, status, ms));
  }

  /** Counts a call to a tool. @param ms in milliseconds */
  tool(tool: string, ms: number): void {
    this.#with((instruments) => instruments.tool(tool, ms));
  }

  /** All of it as it is now. */
  async scrape(): Promise<Scrape> {
    const { registry } = await this.#load();
    return { text: await registry.metrics(), contentType: registry.contentType };
  }

  #with(count: (instruments: Instruments) => void): void {
    if (this.#instruments) return count(this.#instruments);
    this.#kept.push(count);
    if (this.#kept.length >= KEPT) this.#load();
  }

  #load(): Promise<Instruments> {
    return this.#loading ??= import("./instruments.ts").then(({ Instruments }) => {
      const instruments = new Instruments();
      for (const count of this.#kept) count(instruments);
      this.#kept = [];
      return this.#instruments = instruments;
    });
  }
}

/**
 * Notices when packets to peers get another source: this host has another address, or another route.
 *
 * @module
 */
import { sourceTo } from "../../../lib/linux/net/source_address.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import { splitEndpoint } from "./endpoint.ts";

/** Peers whose ways are looked at, at most. */
const MAX_ENDS = 8;

/** Watches the ways to some endpoints. */
export class SourceWatch {
  readonly #runner: Pick<Runner, "within">;
  #ends: { hostname: string; port: number }[] = [];
  #sources = "";

  constructor(runner: Pick<Runner, "within">) {
    this.#runner = runner;
  }

  /** Watches the ways to the first few of these endpoints. */
  follow(endpoints: string[]): void {
    const first = [...new Set(endpoints)].sort().slice(0, MAX_ENDS);
    const ends = first.flatMap((text) => splitEndpoint(text) ?? []);
    if (JSON.stringify(ends) === JSON.stringify(this.#ends)) return;
    this.#ends = ends;
    this.#sources = this.#read();
  }

  /** Whether a source has changed since it was last looked at. */
  changed(): boolean {
    const before = this.#sources;
    this.#sources = this.#read();
    return before !== this.#sources;
  }

  #read(): string {
    const read = () => this.#ends.map(({ hostname, port }) => sourceTo(hostname, port)).join();
    return this.#runner.within(undefined, read);
  }
}

/**
 * The addresses of the cluster's hosts as this host has heard of them last, on its disk. Any of them may vote by the time
 * that those don't which this host knows as voters.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../../kv/store.ts";
import { errorChain } from "../../../../lib/api/errors.ts";
import { memberHosts } from "../../control/records.ts";
import { hostAddress } from "../../control/host_text.ts";
import { writeWhole } from "../../files/write_file.ts";

const log = getLogger(["netsvc", "cluster"]);
/** No more are kept. */
export const MAX_KNOWN = 256;

/** Keeps them. */
export class KnownHosts {
  readonly #path: string;

  /** @param path of the file */
  constructor(path: string) {
    this.#path = path;
  }

  /** Those that are kept; none where there is no file that can be read. */
  async read(): Promise<string[]> {
    try {
      const { addresses } = JSON.parse(await Deno.readTextFile(this.#path));
      if (!Array.isArray(addresses)) return [];
      return addresses.filter((one) => typeof one === "string" && hostAddress(one) === one)
        .slice(0, MAX_KNOWN);
    } catch {
      return [];
    }
  }

  /** Keeps these, and no others. */
  async write(addresses: readonly string[]): Promise<void> {
    const sorted = [...new Set(addresses)].sort().slice(0, MAX_KNOWN);
    if (sorted.join() === (await this.read()).join()) return;
    await writeWhole(this.#path, `${JSON.stringify({ addresses: sorted })}\n`);
  }

  /** Keeps what the store says until `signal`. Never fails. @param store the public part of the cluster's */
  async follow(store: Pick<Store, "watch" | "list">, signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of store.watch("hosts/", { signal })) {
        const hosts = await memberHosts.list(store, "hosts/").catch(() => []);
        // A store that is away, or has lost its hosts, makes nobody forget where to look.
        if (hosts.length > 0) await this.write(hosts.map(({ address }) => address));
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn("The addresses of the cluster's hosts aren't kept: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }
}

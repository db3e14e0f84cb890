/**
 * Admits valid records from the shared store. Others are ignored as if they didn't exist, and are named once in the
 * log, and by the doctor.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Change, Entry } from "../../../kv/store.ts";
import { faultOf, isNewer } from "../shared_records.ts";

const log = getLogger(["netsvc", "store"]);
/** Records that are remembered by name; beyond it only their number is known. */
const MAX_REMEMBERED = 1000;
/** Admitted records that aren't checked again while they stay the same. */
const MAX_KNOWN = 50_000;
/** Characters of a key that are shown. */
const SHOWN = 120;

/** A character as its number, so that it can't affect the line that shows it. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A record that isn't admitted. */
export interface LeftOut {
  /** The key as it may be shown: quoted, at most a line. */
  key: string;
  /** Why, in a few words. */
  fault: string;
}

/** Checks the records that the shared store sends. */
export class Admission {
  readonly #leftOut = new Map<string, LeftOut>();
  /** Values that have been admitted, by key. */
  readonly #passed = new Map<string, string>();
  /** Keys of records that a newer netsvc wrote. */
  readonly #newer = new Set<string>();
  #unnamed = 0;

  /** Ignored records that are in the store now, as far as this host has seen. */
  get leftOut(): LeftOut[] {
    return [...this.#leftOut.values()];
  }

  /**
   * The key of a newer netsvc's record, as far as this host has seen, that concerns a key: its own, that of the service
   * whose endpoint it is, or any on the network that it is.
   */
  newerWith(key: string): string | undefined {
    if (this.#newer.size === 0) return undefined;
    if (this.#newer.has(key)) return key;
    const [kind, network, id] = key.split("/");
    const service = `services/${network}/${id}`;
    if (kind === "endpoints" && this.#newer.has(service)) return service;
    if (kind !== "networks") return undefined;
    const parts = [`services/${network}/`, `endpoints/${network}/`];
    return this.#newer.values().find((one) => parts.some((part) => one.startsWith(part)));
  }

  /** Whether an entry is valid. */
  admits({ key, value }: Entry): boolean {
    if (this.#passed.get(key) === value) return true;
    const fault = faultOf(key, value);
    if (fault === undefined) {
      this.forget(key);
      if (this.#passed.size >= MAX_KNOWN) this.#passed.clear();
      this.#passed.set(key, value);
      return true;
    }
    this.#passed.delete(key);
    if (isNewer(key, value) && this.#newer.size < MAX_KNOWN) this.#newer.add(key);
    else this.#newer.delete(key);
    this.#leaveOut(key, fault);
    return false;
  }

  /** The valid entries of a prefix. */
  all(prefix: string, entries: Entry[]): Entry[] {
    if (this.#leftOut.size > 0) {
      const present = new Set(entries.map(({ key }) => key));
      for (const key of [...this.#leftOut.keys()]) {
        if (key.startsWith(prefix) && !present.has(key)) this.forget(key);
      }
    }
    return entries.filter((entry) => this.admits(entry));
  }

  /** A change with an invalid record turned into its deletion. */
  change(change: Change): Change {
    if (change.type === "delete") {
      this.#passed.delete(change.key);
      this.forget(change.key);
      return change;
    }
    const { entry } = change;
    return this.admits(entry)
      ? change
      : { type: "delete", key: entry.key, revision: entry.revision };
  }

  /** Notes that a key has been deleted. */
  forget(key: string): void {
    this.#leftOut.delete(key);
    this.#newer.delete(key);
  }

  #leaveOut(key: string, fault: string): void {
    if (this.#leftOut.get(key)?.fault === fault) return;
    if (this.#leftOut.size >= MAX_REMEMBERED && !this.#leftOut.has(key)) {
      if (this.#unnamed++ === 0) {
        log.warn("More records of the store are left out than can be named");
      }
      return;
    }
    const text = key.replaceAll(/[^\x20-\x7e]|["\\]/g, escaped);
    const shown = `"${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}"`;
    this.#leftOut.set(key, { key: shown, fault });
    log.warn("The record {key} of the store is left out: {fault}", { key: shown, fault });
  }
}

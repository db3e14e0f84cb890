/**
 * Transactions that wait in line together, to be committed as one: a commit costs the same with one of them and with
 * fifty. Pure.
 *
 * @module
 */
import type { Put, Transaction } from "../store.ts";
import type { Old } from "./entries.ts";

/** Checks that one atomic operation of Deno KV takes. */
const MAX_CHECKS = 100;
/** Puts and deletes of one group: Deno KV takes 1,000, and some write more than one key of it. */
const MAX_WRITES = 400;
/** Characters of keys and values of one group; Deno KV takes 80 KiB of keys and 800 KiB in all. */
const MAX_KEYS = 40_000, MAX_VALUES = 200_000;

/** Transactions, in their order, that have the same effect as one as one after the other. */
export class Group {
  readonly transactions: Transaction[] = [];
  readonly #put = new Set<string>();
  readonly #deleted = new Set<string>();
  #checks = 0;
  #writes = 0;
  #keys = 0;
  #values = 0;

  constructor(first: Transaction) {
    this.#add(first);
  }

  /**
   * Adds a transaction.
   *
   * @returns `false` where it has to wait: it depends on what the others write, or it would be too much for one
   */
  take(transaction: Transaction): boolean {
    const { checks = [], puts = [], deletes = [] } = transaction;
    const isPut = (key: string) => this.#put.has(key);
    const isDeleted = (key: string) => this.#deleted.has(key);
    // The last put of a key counts. Any other sequence has an effect of its own: a change that watches see.
    const depends = checks.some(({ key }) => isPut(key) || isDeleted(key)) ||
      puts.some(({ key }) => isDeleted(key)) || deletes.some((key) => isPut(key) || isDeleted(key));
    const size = sizeOf(transaction);
    const fits = this.#checks + checks.length <= MAX_CHECKS &&
      this.#writes + puts.length + deletes.length <= MAX_WRITES &&
      this.#keys + size.keys <= MAX_KEYS && this.#values + size.values <= MAX_VALUES;
    if (depends || !fits) return false;
    this.#add(transaction);
    return true;
  }

  #add(transaction: Transaction): void {
    const { checks = [], puts = [], deletes = [] } = transaction;
    for (const { key } of puts) this.#put.add(key);
    for (const key of deletes) this.#deleted.add(key);
    const { keys, values } = sizeOf(transaction);
    this.#checks += checks.length;
    this.#writes += puts.length + deletes.length;
    this.#keys += keys;
    this.#values += values;
    this.transactions.push(transaction);
  }
}

function sizeOf({ puts = [], deletes = [] }: Transaction): { keys: number; values: number } {
  let [keys, values] = [0, 0];
  for (const { key, value } of puts) {
    keys += key.length;
    values += value.length;
  }
  for (const key of deletes) keys += key.length;
  return { keys, values };
}

/** One transaction in the place of a group's: of the puts of one key the last. */
export function merged(all: readonly Transaction[]): Required<Transaction> {
  const puts = new Map<string, Put>();
  for (const put of all.flatMap(({ puts = [] }) => puts)) puts.set(put.key, put);
  return {
    checks: all.flatMap(({ checks = [] }) => checks),
    puts: [...puts.values()],
    deletes: all.flatMap(({ deletes = [] }) => deletes),
  };
}

/** The key of the first check that doesn't hold for the entries that exist. */
export function failedCheck(
  { checks = [] }: Transaction,
  entries: ReadonlyMap<string, Pick<Old, "revision">>,
): string | undefined {
  return checks.find(({ key, revision }) => (entries.get(key)?.revision ?? null) !== revision)?.key;
}

/** All keys that transactions check or write. */
export function keysOf({ checks = [], puts = [], deletes = [] }: Transaction): string[] {
  return [...checks, ...puts].map(({ key }) => key).concat(deletes);
}

/**
 * The rules of keys, values and transactions that all backends share. Pure.
 *
 * @module
 */
import { NetsvcError } from "../lib/api/errors.ts";
import type { Transaction } from "./store.ts";

/** Longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;
/** Longest value, in bytes of UTF-8. */
export const MAX_VALUE_BYTES = 100 * 1024;
/**
 * Checks, puts and deletes that one transaction may hold together. Consul before 1.13 takes so many
 * (`maxTxnOps`), and no other store less; etcd takes 128 of each (`--max-txn-ops`).
 */
export const MAX_OPERATIONS = 64;

const encoder = new TextEncoder();

/** Length of a text in bytes of UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Compares two of a list's entries by the bytes of their keys. */
export function byKey(a: { key: string }, b: { key: string }): number {
  // UTF-16 and UTF-8 differ in the order of what is beyond U+D800, and in nothing else.
  if (!/[\ud800-\uffff]/.test(a.key + b.key)) return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
  const [left, right] = [encoder.encode(a.key), encoder.encode(b.key)];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return left.length - right.length;
}

/** Checks a key: non-empty segments between slashes, no NUL, at most 1 KiB, well-formed. */
export function checkKey(key: string): void {
  const why = key === "" || key.split("/").includes("")
    ? "it has an empty segment"
    : key.includes("\0")
    ? "it holds a NUL"
    : !key.isWellFormed()
    ? "it holds half a surrogate pair"
    : byteLength(key) > MAX_KEY_BYTES
    ? `it is longer than ${MAX_KEY_BYTES} bytes`
    : undefined;
  if (why === undefined) return;
  throw new NetsvcError("invalid", `Invalid key ${JSON.stringify(key.slice(0, 80))}: ${why}`);
}

/** Checks a whole transaction. @throws {NetsvcError} `invalid` */
export function checkTransaction({ checks = [], puts = [], deletes = [] }: Transaction): void {
  const count = checks.length + puts.length + deletes.length;
  if (count > MAX_OPERATIONS) {
    throw new NetsvcError(
      "invalid",
      `A transaction of ${count} operations is too large: at most ${MAX_OPERATIONS}; split it`,
    );
  }
  const written = new Set<string>();
  for (const key of [...puts.map((put) => put.key), ...deletes]) {
    checkKey(key);
    if (written.has(key)) {
      throw new NetsvcError("invalid", `The key "${key}" is written twice in one transaction`);
    }
    written.add(key);
  }
  for (const { key } of checks) checkKey(key);
  for (const { key, value } of puts) {
    if (!value.isWellFormed()) {
      throw new NetsvcError("invalid", `The value of "${key}" holds half a surrogate pair`);
    }
    // A cheap bound first: no UTF-16 unit takes more than three bytes.
    if (value.length * 3 > MAX_VALUE_BYTES && byteLength(value) > MAX_VALUE_BYTES) {
      throw new NetsvcError(
        "invalid",
        `The value of "${key}" is larger than ${MAX_VALUE_BYTES} bytes`,
      );
    }
  }
}

/** Whether a transaction consists of creations only, which need no read of the current state. */
export function onlyCreates({ checks = [], puts = [], deletes = [] }: Transaction): boolean {
  const free = new Set(checks.flatMap(({ key, revision }) => revision === null ? [key] : []));
  return puts.length > 0 && deletes.length === 0 && checks.length === puts.length &&
    free.size === puts.length && puts.every(({ key }) => free.has(key));
}

/**
 * Transactions as Consul's. A key put with a lease is locked by the lease's session, whose
 * behaviour is to delete what it locks. Pure.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Transaction } from "../store.ts";

/** Operations of one transaction before Consul 1.13; later ones take 128. */
export const CONSUL_OPERATIONS = 64;

/** One operation of `PUT /v1/txn`. */
export interface Operation {
  KV: {
    Verb: "check-index" | "check-not-exists" | "set" | "lock" | "delete";
    Key: string;
    Value?: string;
    Index?: number;
    Session?: string;
    Flags?: number;
  };
}

/**
 * A number for `Flags`, which mean nothing to Consul: with them no two writes are the same. Consul
 * ignores a write that changes nothing: there would be neither a revision nor an event.
 */
function unlike(): number {
  return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
}

/** Sets a key. */
export function set(Key: string, value: string): Operation {
  return { KV: { Verb: "set", Key, Value: toBase64(value), Flags: unlike() } };
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** What a transaction becomes. */
export interface Operations {
  operations: Operation[];
  /** Keys of the checks, which are the first operations. */
  checked: string[];
}

/** The revision as Consul's index. */
function toIndex(revision: string): number {
  const index = Number(revision);
  // Of no store: a revision that no key can have.
  return Number.isSafeInteger(index) ? index : 0;
}

/** How operations are made. */
export interface OperationOptions {
  /** The name of a key in Consul. */
  name: (key: string) => string;
  /** Leave room: keys put with a lease may be locked by another's session. */
  moved: boolean;
}

export function toOperations(
  { checks = [], puts = [], deletes = [] }: Transaction,
  { name, moved }: OperationOptions,
): Operations {
  const operations: Operation[] = [
    ...checks.map(({ key, revision }): Operation => ({
      KV: revision === null
        ? { Verb: "check-not-exists", Key: name(key) }
        : { Verb: "check-index", Key: name(key), Index: toIndex(revision) },
    })),
    ...deletes.map((key): Operation => ({ KV: { Verb: "delete", Key: name(key) } })),
    ...puts.flatMap(({ key, value, lease }): Operation[] => {
      const Key = name(key);
      if (!lease) return [set(Key, value)];
      const Value = toBase64(value);
      const lock: Operation = {
        KV: { Verb: "lock", Key, Value, Flags: unlike(), Session: lease.id },
      };
      // Deleting a key also releases the lock of another's session.
      return moved ? [{ KV: { Verb: "delete", Key } }, lock] : [lock];
    }),
  ];
  if (operations.length > CONSUL_OPERATIONS) {
    throw new NetsvcError(
      "invalid",
      `A transaction of ${operations.length} operations is too large for Consul: at most ` +
        `${CONSUL_OPERATIONS}; split it`,
    );
  }
  return { operations, checked: checks.map(({ key }) => key) };
}

/**
 * A record as the store has it.
 *
 * @module
 */
import type { Revision } from "../../kv/store.ts";

/** A record with the revision that a transaction checks. */
export interface Stored<T> {
  record: T;
  revision: Revision;
}

/**
 * How a store lies in ZooKeeper. Pure.
 *
 *     ROOT/e/DIRECTORY/NAME   a key; DIRECTORY is all of it before the last slash
 *     ROOT/f/00 … ff          fences: the data version counts the creations of keys of that hash
 *     ROOT/head               the data version counts transactions; its mzxid is the last one's
 *     ROOT/l/n-0000000000     the record of the transaction after which the head's version was one more
 *     ROOT/s/ID               a lease: an ephemeral node of its holder's session
 *
 * A directory is one level of nodes and not one per segment, since a key may be a leaf and have
 * keys under it, and since the list of a node's children is the only index that ZooKeeper has.
 * Leased keys are nodes like all others, tagged with their lease, and are there for as long as the
 * lease's node is: so one transaction may write keys of several leases, a put moves a key to another
 * lease without making its node again, and all keys of a lease vanish in one moment.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { fnv1a } from "../../lib/bytes/fnv1a.ts";
import type { Revision } from "../store.ts";

/** Fences of a store. A check fails for nothing when another key of its fence is made meanwhile. */
export const FENCES = 256;

const SAFE = /[A-Za-z0-9_:~-]/;

/** A node's name for any text: ASCII without slashes and dots, never empty. */
export function encodeName(text: string): string {
  // ZooKeeper refuses control characters, surrogates, "." and "..".
  if (text === "") return "%";
  let name = "";
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte);
    name += SAFE.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return name;
}

/** The text of {@linkcode encodeName}. */
export function decodeName(name: string): string {
  return name === "%" ? "" : decodeURIComponent(name);
}

/** The directory and the name of a key. */
export function splitKey(key: string): [directory: string, name: string] {
  const slash = key.lastIndexOf("/");
  return slash === -1 ? ["", key] : [key.slice(0, slash), key.slice(slash + 1)];
}

/** The key of a directory and a name. */
export function joinKey(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** Whether a directory may hold keys that start with `prefix`. */
export function directoryFits(directory: string, prefix: string): boolean {
  const inside = directory === "" ? "" : `${directory}/`;
  return inside.startsWith(prefix) || prefix.startsWith(inside);
}

/** Paths of a store. */
export class Layout {
  readonly root: string;

  /** @param prefix first segments of all keys */
  constructor(prefix: string) {
    this.root = prefix.split("/").map((segment) => `/${encodeName(segment)}`).join("");
  }

  get head(): string {
    return `${this.root}/head`;
  }

  get directories(): string {
    return `${this.root}/e`;
  }

  get leases(): string {
    return `${this.root}/s`;
  }

  get log(): string {
    return `${this.root}/l`;
  }

  /** Beginning of the path of a sequential node. */
  get newRecord(): string {
    return `${this.log}/n-`;
  }

  /** All fences, and the nodes above them and beside. */
  get skeleton(): string[] {
    const fences = Array.from({ length: FENCES }, (_, i) => this.#fence(i));
    return [...["e", "f", "l", "s"].map((name) => `${this.root}/${name}`), ...fences];
  }

  directory(directory: string): string {
    return `${this.directories}/${encodeName(directory)}`;
  }

  key(key: string): string {
    const [directory, name] = splitKey(key);
    return `${this.directory(directory)}/${encodeName(name)}`;
  }

  fence(key: string): string {
    return this.#fence(fnv1a(Buffer.from(key)) % FENCES);
  }

  #fence(number: number): string {
    return `${this.root}/f/${number.toString(16).padStart(2, "0")}`;
  }

  lease(id: string): string {
    return `${this.leases}/${id}`;
  }

  /** The record that made the head's version this. */
  record(version: number): string {
    return `${this.newRecord}${String(version - 1).padStart(10, "0")}`;
  }
}

/** The number of a record's node. */
export function recordNumber(path: string): number {
  return Number(path.slice(path.lastIndexOf("-") + 1));
}

/** A transaction's number as a revision: 16 hexadecimal digits. */
export function revisionOf(zxid: Uint8Array): Revision {
  return Buffer.from(zxid).toString("hex");
}

/** The data of a key's node: the lease's id, a line feed, the value. */
export function encodeData(value: string, lease?: string): Buffer {
  return Buffer.from(`${lease ?? ""}\n${value}`);
}

/** The parts of {@linkcode encodeData}. */
export function decodeData(data: Uint8Array): { value: string; lease?: string } {
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8");
  const end = text.indexOf("\n");
  const lease = text.slice(0, end);
  return { value: text.slice(end + 1), ...lease !== "" && { lease } };
}

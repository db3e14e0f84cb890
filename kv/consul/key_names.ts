/**
 * Names of keys in Consul. Its HTTP API takes keys as part of a path and refuses what doesn't
 * print, so all but printable ASCII is percent-encoded, and so is a dot that begins a segment. A
 * key under a prefix has a name under the prefix's name. Pure.
 *
 * @module
 */

const encoder = new TextEncoder();

function percent(text: string): string {
  return [...encoder.encode(text)].map((byte) =>
    `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  ).join("");
}

/** The name of a key, or of a prefix of keys. */
export function toName(key: string): string {
  return key.replace(/[^\x20-\x24\x26-\x7e]|(?<=^|\/)\./gu, percent);
}

/** The key of a name; the name itself where another program made it. */
export function toKey(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

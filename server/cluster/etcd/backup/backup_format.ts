/**
 * A backup of a cluster: lines of JSON, compressed. The first says what it is, then come all keys of one revision, and
 * the last says how many there were, with the SHA-256 of all lines before. It is the keys that are kept, not etcd's
 * files: every etcd takes them, whatever its version, and a cluster that runs takes them, too.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { NetsvcError } from "../../../../lib/api/errors.ts";

const VERSION = 1;
/** Longest line, in characters: a value of the largest size, in base64, and its key. */
const MAX_LINE = 4 * 1024 * 1024;
/** Most keys of one backup. */
const MAX_ENTRIES = 10_000_000;

const Header = z.strictObject({
  netsvc: z.literal("cluster backup"),
  v: z.literal(VERSION),
  /** Id of the cluster. */
  cluster: z.string().min(1).max(200),
  /** When it was made, in milliseconds since 1970, and by which host. */
  time: z.number(),
  host: z.string().max(200),
  /** Of etcd. */
  revision: z.string().regex(/^\d{1,20}$/),
  /** Files of the authority, by their names; without them a backup is of no use to a new host. */
  files: z.record(z.enum(["ca.crt", "ca.key"]), z.string().max(100_000)).optional(),
});
const Line = z.strictObject({ k: z.base64(), v: z.base64() });
const End = z.strictObject({ entries: z.int().min(0), sha256: z.string() });

/** What a backup says of itself. */
export type BackupHeader = Omit<z.output<typeof Header>, "netsvc" | "v">;

/** A key with its value. */
export interface BackupEntry {
  key: Uint8Array;
  value: Uint8Array;
}

/** Makes the lines. */
export async function* backupLines(
  header: BackupHeader,
  entries: AsyncIterable<BackupEntry>,
): AsyncGenerator<string> {
  const hash = createHash("sha256");
  let count = 0;
  const line = (value: unknown) => {
    const text = `${JSON.stringify(value)}\n`;
    hash.update(text);
    return text;
  };
  yield line({ netsvc: "cluster backup", v: VERSION, ...header });
  for await (const { key, value } of entries) {
    count++;
    yield line({ k: key.toBase64(), v: value.toBase64() });
  }
  yield `${JSON.stringify({ entries: count, sha256: hash.digest("hex") })}\n`;
}

/** Reads lines again. @throws {NetsvcError} `invalid` for what isn't a whole backup */
export class BackupReader {
  readonly #hash: Hash = createHash("sha256");
  #header: BackupHeader | undefined;
  #count = 0;
  #ended = false;

  /** The next line; an entry where it is one. */
  take(text: string): BackupEntry | undefined {
    if (this.#ended || text.length > MAX_LINE || this.#count > MAX_ENTRIES) throw damaged();
    const value = readJson(text);
    if (!this.#header) {
      const { success, data } = Header.safeParse(value);
      if (!success) throw new NetsvcError("invalid", "it isn't a backup of a netsvc cluster");
      const { netsvc: _, v: __, ...header } = data;
      this.#header = header;
      this.#hash.update(`${text}\n`);
      return undefined;
    }
    const end = End.safeParse(value);
    if (end.success) {
      const whole = end.data.entries === this.#count &&
        end.data.sha256 === this.#hash.digest("hex");
      if (!whole) throw damaged();
      this.#ended = true;
      return undefined;
    }
    const line = Line.safeParse(value);
    if (!line.success) throw damaged();
    this.#count++;
    this.#hash.update(`${text}\n`);
    return {
      key: Uint8Array.fromBase64(line.data.k),
      value: Uint8Array.fromBase64(line.data.v),
    };
  }

  /** To be called after the last line. */
  end(): { header: BackupHeader; entries: number } {
    if (!this.#ended) throw damaged();
    return { header: this.#header!, entries: this.#count };
  }
}

function damaged(): NetsvcError {
  return new NetsvcError("invalid", "it is damaged or cut off; take another one");
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

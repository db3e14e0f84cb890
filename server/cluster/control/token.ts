/**
 * Join tokens as text: `nsj1.` and base64url of bytes that end in a checksum, so that one that was copied in part is
 * told from one that is wrong. Pure.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { NetsvcError } from "../../../lib/api/errors.ts";

/** Begins each token of this form; a later form has another number. */
const PREFIX = "nsj1.";
/** First byte: which kind of cluster it is of. */
const OWN = 0;
const EXTERNAL = 1;
const CHECKSUM_BYTES = 4;
const FINGERPRINT_BYTES = 32;
const ID_BYTES = 8;
/** 256 bits: nobody guesses it. */
const SECRET_BYTES = 32;
/** No token is as long: one of an external store has its certificates. */
const MAX_CHARS = 64 * 1024;

/** A token of a cluster with a store of its own. */
export interface OwnToken {
  kind: "own";
  /** SHA-256 of the authority's certificate, in hexadecimal: the joining host trusts nothing else. */
  fingerprint: string;
  /** In hexadecimal; not secret. */
  id: string;
  /** In hexadecimal. */
  secret: string;
  /** `HOST:PORT` of voters. */
  addresses: string[];
}

/** A token of a cluster on a store that was there before: it holds what the store asks for. */
export interface ExternalToken {
  kind: "external";
  id: string;
  secret: string;
  clusterId: string;
  /** The value of `--kv-store`, without paths. */
  url: string;
  /** Contents of the files that the URL named, PEM, by their parameters. */
  files: Record<string, string>;
}

export type JoinToken = OwnToken | ExternalToken;

const encoder = new TextEncoder();

function checksum(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest()).subarray(0, CHECKSUM_BYTES);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A new id and a new secret. */
export function newSecret(): { id: string; secret: string } {
  return {
    id: crypto.getRandomValues(new Uint8Array(ID_BYTES)).toHex(),
    secret: crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex(),
  };
}

/** What the store has of a secret. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(Uint8Array.fromHex(secret)).digest("hex");
}

export function formatToken(token: JoinToken): string {
  const body = token.kind === "own"
    ? joined(
      Uint8Array.of(OWN),
      ...[token.fingerprint, token.id, token.secret].map((text) => Uint8Array.fromHex(text)),
      encoder.encode(token.addresses.join(",")),
    )
    : joined(
      Uint8Array.of(EXTERNAL),
      ...[token.id, token.secret].map((text) => Uint8Array.fromHex(text)),
      encoder.encode(JSON.stringify([token.clusterId, token.url, token.files])),
    );
  const bytes = joined(body, checksum(body));
  return PREFIX + bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** @throws {NetsvcError} `invalid`; no message holds a part of it */
export function parseToken(text: string): JoinToken {
  const given = text.trim();
  if (!given.startsWith(PREFIX)) {
    const later = /^nsj\d+\./.test(given);
    throw invalid(
      later ? "it is of a newer netsvc" : `it does not begin with "${PREFIX}"`,
      later ? "upgrade this host first" : undefined,
    );
  }
  const bytes = decode(given);
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (checksum(body).toHex() !== bytes.subarray(-CHECKSUM_BYTES).toHex()) {
    throw invalid("a part of it is missing or changed");
  }
  const read = new Reader(body);
  const kind = read.bytes(1)[0];
  if (kind === OWN) return readOwn(read);
  if (kind === EXTERNAL) return readExternal(read);
  throw invalid("it is of a newer netsvc", "upgrade this host first");
}

function decode(given: string): Uint8Array {
  if (given.length > MAX_CHARS) throw invalid("it is too long");
  try {
    return Uint8Array.fromBase64(given.slice(PREFIX.length), { alphabet: "base64url" });
  } catch {
    throw invalid("it has characters that no token has, or too few");
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw invalid("a part of it is missing");
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  rest(): string {
    return new TextDecoder().decode(this.#bytes.subarray(this.#at));
  }
}

function readOwn(read: Reader): OwnToken {
  return {
    kind: "own",
    fingerprint: read.bytes(FINGERPRINT_BYTES).toHex(),
    id: read.bytes(ID_BYTES).toHex(),
    secret: read.bytes(SECRET_BYTES).toHex(),
    addresses: read.rest().split(",").filter(Boolean),
  };
}

function readExternal(read: Reader): ExternalToken {
  const id = read.bytes(ID_BYTES).toHex();
  const secret = read.bytes(SECRET_BYTES).toHex();
  try {
    const [clusterId, url, files] = JSON.parse(read.rest());
    return { kind: "external", id, secret, clusterId, url, files };
  } catch {
    throw invalid("a part of it is missing or changed");
  }
}

function invalid(
  why: string,
  remedy = `"netsvc cluster token create" on a member makes one`,
): NetsvcError {
  return new NetsvcError("invalid", `This is not a join token: ${why}; ${remedy}`);
}

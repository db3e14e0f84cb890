/**
 * How the authority's key gets to a host that is to vote: through the store, which every host reads, sealed for that
 * host alone. The host offers a key that it made for this one time and signs with the key of its certificate; a voter
 * seals the secret for it (ECDH with P-256, HKDF, AES-GCM). Neither is used again, so that what stays in backups of the
 * store opens nothing.
 *
 * @module
 */
import { createPublicKey } from "node:crypto";
import { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { keyFingerprint } from "../../../lib/x509/x509.ts";
import type { HostRecord } from "./records.ts";

const CURVE = { name: "ECDH", namedCurve: "P-256" } as const;
const SIGNING = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const IV_BYTES = 12;

const Bytes = z.string().max(4096);
const Offer = z.strictObject({
  v: z.literal(1),
  /** For this one time, raw. */
  offered: Bytes,
  /** The key of its certificate, DER. */
  key: Bytes,
  signature: Bytes,
});
const Sealed = z.strictObject({ v: z.literal(1), from: Bytes, iv: Bytes, sealed: Bytes });

const encoder = new TextEncoder();

/** Keys of a host's offer, and of the answer; both below what the host may write, which removes them. */
export const handoverKeys = {
  offer: (id: string): string => `self/${id}/offer`,
  sealed: (id: string): string => `self/${id}/sealed`,
};

/** What is signed: nobody can take another host's offer for this one. */
function signedText(id: string, offered: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`netsvc handover 1 ${id} ${offered}`);
}

function fromPem(pem: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(pem.replaceAll(/-----[^-]*-----|\s/g, ""));
}

async function sharedKey(
  own: CryptoKey,
  other: Uint8Array<ArrayBuffer>,
  id: string,
): Promise<CryptoKey> {
  const peer = await crypto.subtle.importKey("raw", other, CURVE, false, []);
  const bits = await crypto.subtle.deriveBits({ name: "ECDH", public: peer }, own, 256);
  const secret = await crypto.subtle.importKey("raw", bits, "HKDF", false, ["deriveKey"]);
  const info = encoder.encode(`netsvc handover 1 ${id}`);
  return await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
    secret,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

async function rawOf(key: CryptoKey): Promise<string> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", key)).toBase64();
}

/** A host's offer to take the secret. */
export class HandoverOffer {
  readonly #id: string;
  readonly #key: CryptoKey;
  /** What it writes at {@linkcode handoverKeys.offer}. */
  readonly text: string;

  private constructor(id: string, key: CryptoKey, text: string) {
    this.#id = id;
    this.#key = key;
    this.text = text;
  }

  /** @param hostKey PEM, the key of the host's certificate */
  static async make(id: string, hostKey: string): Promise<HandoverOffer> {
    const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
    const offered = await rawOf(pair.publicKey);
    const signing = await crypto.subtle.importKey("pkcs8", fromPem(hostKey), SIGNING, false, [
      "sign",
    ]);
    const signature = await crypto.subtle.sign(SIGNATURE, signing, signedText(id, offered));
    const key = createPublicKey(hostKey).export({ type: "spki", format: "der" });
    const text = JSON.stringify({
      v: 1,
      offered,
      key: new Uint8Array(key).toBase64(),
      signature: new Uint8Array(signature).toBase64(),
    });
    return new HandoverOffer(id, pair.privateKey, text);
  }

  /** Opens what a voter has sealed for this offer. @throws {NetsvcError} `invalid` when it is for another one */
  async open(text: string): Promise<string> {
    try {
      const { from, iv, sealed } = Sealed.parse(JSON.parse(text));
      const key = await sharedKey(this.#key, Uint8Array.fromBase64(from), this.#id);
      const parameters = {
        name: "AES-GCM",
        iv: Uint8Array.fromBase64(iv),
        additionalData: encoder.encode(this.#id),
      };
      const opened = await crypto.subtle.decrypt(parameters, key, Uint8Array.fromBase64(sealed));
      return new TextDecoder().decode(opened);
    } catch (error) {
      throw new NetsvcError("invalid", "What a voter has sealed isn't for this host's offer", {
        cause: error,
      });
    }
  }
}

/**
 * Seals a secret for a host that has offered to take it.
 *
 * @param host as voters have written it down: the offer must be signed with its key
 * @throws {NetsvcError} `unauthorized` for an offer that isn't this host's
 */
export async function sealFor(
  host: Pick<HostRecord, "id" | "key">,
  { offer, secret }: { offer: string; secret: string },
): Promise<string> {
  const { offered, key, signature } = await checkedOffer(host, offer);
  if (!await isSigned(host.id, { offered, key, signature })) throw notIts(host.id);
  const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const shared = await sharedKey(pair.privateKey, Uint8Array.fromBase64(offered), host.id);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const parameters = { name: "AES-GCM", iv, additionalData: encoder.encode(host.id) };
  const sealed = await crypto.subtle.encrypt(parameters, shared, encoder.encode(secret));
  return JSON.stringify({
    v: 1,
    from: await rawOf(pair.publicKey),
    iv: iv.toBase64(),
    sealed: new Uint8Array(sealed).toBase64(),
  });
}

function notIts(id: string): NetsvcError {
  return new NetsvcError(
    "unauthorized",
    `The offer to take the authority's key isn't signed by host ${id.slice(0, 12)}`,
  );
}

function checkedOffer(
  { id, key: wanted }: Pick<HostRecord, "id" | "key">,
  text: string,
): z.output<typeof Offer> {
  try {
    const offer = Offer.parse(JSON.parse(text));
    if (keyFingerprint(Uint8Array.fromBase64(offer.key)) === wanted) return offer;
  } catch {
    // It isn't one at all.
  }
  throw notIts(id);
}

async function isSigned(
  id: string,
  { offered, key, signature }: Omit<z.output<typeof Offer>, "v">,
): Promise<boolean> {
  try {
    const signing = await crypto.subtle.importKey(
      "spki",
      Uint8Array.fromBase64(key),
      SIGNING,
      false,
      ["verify"],
    );
    return await crypto.subtle.verify(
      SIGNATURE,
      signing,
      Uint8Array.fromBase64(signature),
      signedText(id, offered),
    );
  } catch {
    return false;
  }
}

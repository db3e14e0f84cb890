/**
 * WireGuard's keys: pairs of X25519 (RFC 7748), as text in base64.
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";

/** A key as text: 32 bytes in base64, the last character of which has two bits of them. */
export const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** A key pair. */
export interface KeyPair {
  private: string;
  public: string;
}

/** Of 32 bytes: base64url without padding to base64. */
function base64(text: string): string {
  return `${text.replaceAll("-", "+").replaceAll("_", "/")}=`;
}

/** The two keys of an exported private key. */
async function textOf(key: CryptoKey): Promise<KeyPair> {
  const { x, d } = await crypto.subtle.exportKey("jwk", key);
  return { private: base64(d!), public: base64(x!) };
}

/** Makes a key pair. */
export async function newKeyPair(): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey("X25519", true, ["deriveBits"]) as CryptoKeyPair;
  return await textOf(pair.privateKey);
}

/** What precedes the 32 bytes of a private key in PKCS #8 (RFC 8410, 7). */
const PKCS8_HEAD = Uint8Array.fromHex("302e020100300506032b656e04220420");

/** The public key of a private one. @throws {NetsvcError} `invalid` when it is none */
export async function publicKeyOf(privateKey: string): Promise<string> {
  if (!KEY.test(privateKey)) throw new NetsvcError("invalid", "This is not a key of WireGuard's");
  const bytes = new Uint8Array([...PKCS8_HEAD, ...Uint8Array.fromBase64(privateKey)]);
  const key = await crypto.subtle.importKey("pkcs8", bytes, "X25519", true, ["deriveBits"]);
  return (await textOf(key)).public;
}

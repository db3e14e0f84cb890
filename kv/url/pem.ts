/**
 * Checks PEM texts before a TLS library gets them: Deno 2.7.14 ends the whole process where
 * a key isn't its certificate's.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM text that can be read. */
export function certificates(text: string): X509Certificate[] {
  return [...text.matchAll(CERTIFICATE)].flatMap(([block]) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

/** Whether a private key is that of the first certificate. */
export function belongs(key: string, certificate: string): boolean {
  try {
    return certificates(certificate)[0]!.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** When a PEM text's first certificate ends. */
export function validTo(certificate: string): Date {
  return new Date(certificates(certificate)[0]!.validTo);
}

/**
 * Certificates of an authority of one's own: ECDSA with P-256 and SHA-256, which all that netsvc speaks to takes.
 * Everything crosses as PEM; keys as PKCS #8.
 *
 * @module
 */
import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/**
 * Certificates are valid from so long before they are made, in milliseconds: a host whose clock is behind by less
 * takes them.
 */
const BACKDATED_MS = DAY_MS;
/** Random bytes of a serial number: RFC 5280 allows 20, with the highest bit clear. */
const SERIAL_BYTES = 16;
/** More is no request for a certificate of a host. */
const MAX_REQUEST_CHARS = 4096;

/** A certificate and its private key. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** A request to be certified, and the key that it is for. */
export interface Request {
  request: string;
  key: string;
}

/** What a certificate says. */
export interface Subject {
  commonName: string;
  /** Names and addresses that it is good for, as a server. */
  names: readonly string[];
  /** When it ends, in milliseconds since 1970. */
  until: number;
}

async function load() {
  return await import("./library.ts");
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
}

async function exportKey(key: CryptoKey): Promise<string> {
  const { PemConverter } = await load();
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

async function importKey(pem: string): Promise<CryptoKey> {
  const { PemConverter } = await load();
  return await crypto.subtle.importKey("pkcs8", PemConverter.decode(pem)[0]!, CURVE, true, [
    "sign",
  ]);
}

/** The public half of a private key: WebCrypto gives it by way of its coordinates. */
async function publicHalf(key: CryptoKey): Promise<CryptoKey> {
  const { d: _, key_ops: __, ...half } = await crypto.subtle.exportKey("jwk", key);
  return await crypto.subtle.importKey("jwk", half, CURVE, true, ["verify"]);
}

/** A positive serial number, in hexadecimal. */
function newSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40; // Neither negative nor with a zero in front.
  return bytes.toHex();
}

/** Makes an authority. @param until when it ends, in milliseconds since 1970 */
export async function createAuthority(name: string, until: number): Promise<KeyPair> {
  const x509 = await load();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [name] }],
    notBefore: new Date(Date.now() - BACKDATED_MS),
    notAfter: new Date(until),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** Makes a key, or takes one, and a request for its certificate. */
export async function createRequest(commonName: string, keyPem?: string): Promise<Request> {
  const x509 = await load();
  const privateKey = keyPem === undefined ? undefined : await importKey(keyPem);
  const keys = privateKey
    ? { privateKey, publicKey: await publicHalf(privateKey) }
    : await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: SIGNATURE,
  });
  return { request: `${request.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/**
 * Reads a request's public key. Whatever else it asks for is left out: what a certificate says is decided by who
 * signs it.
 *
 * @returns the key, DER; `undefined` for what isn't a request of P-256, or isn't signed by its own key
 */
export async function requestedKey(pem: string): Promise<Uint8Array | undefined> {
  if (pem.length > MAX_REQUEST_CHARS) return undefined;
  const x509 = await load();
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    const { publicKey } = request;
    const { namedCurve } = publicKey.algorithm as EcKeyAlgorithm;
    if (publicKey.algorithm.name !== CURVE.name || namedCurve !== CURVE.namedCurve) {
      return undefined;
    }
    if (!await request.verify()) return undefined;
    return new Uint8Array(publicKey.rawData);
  } catch {
    return undefined; // It isn't DER, or not of such a request, or its key is no point of the curve.
  }
}

/** Certifies a public key. @param publicKey DER, as {@linkcode requestedKey} gives it */
export async function certify(
  authority: KeyPair,
  { publicKey, commonName, names, until }: Subject & { publicKey: Uint8Array },
): Promise<string> {
  const x509 = await load();
  const issuer = new x509.X509Certificate(authority.certificate);
  const key = new x509.PublicKey(publicKey.slice().buffer);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(Date.now() - BACKDATED_MS),
    // Not beyond its authority, which nobody would take it from any more.
    notAfter: new Date(Math.min(until, issuer.notAfter.getTime())),
    publicKey: key,
    signingKey: await importKey(authority.key),
    signingAlgorithm: SIGNATURE,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? "ip" as const : "dns" as const, value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(key),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/** Makes a key and certifies it. */
export async function certifyNew(authority: KeyPair, subject: Subject): Promise<KeyPair> {
  const keys = await newKeys();
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  return {
    certificate: await certify(authority, { ...subject, publicKey }),
    key: await exportKey(keys.privateKey),
  };
}

/** A list of certificates that are good no more, DER: etcd takes no PEM from 3.6 on. @param serials in hexadecimal */
export async function revocationList(
  authority: KeyPair,
  serials: readonly string[],
): Promise<Uint8Array> {
  const x509 = await load();
  const now = Date.now();
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(authority.certificate).subjectName,
    thisUpdate: new Date(now - BACKDATED_MS),
    nextUpdate: new Date(now + 3650 * DAY_MS), // etcd looks at the entries alone.
    entries: serials.map((serialNumber) => ({
      serialNumber,
      revocationDate: new Date(now - BACKDATED_MS),
    })),
    signingAlgorithm: SIGNATURE,
    signingKey: await importKey(authority.key),
  });
  return new Uint8Array(list.rawData);
}

/** SHA-256 of a certificate, in hexadecimal. @throws if it isn't one */
export function fingerprint(certificate: string): string {
  return createHash("sha256").update(new X509Certificate(certificate).raw).digest("hex");
}

/** SHA-256 of a public key, DER, in hexadecimal. */
export function keyFingerprint(publicKey: Uint8Array): string {
  return createHash("sha256").update(publicKey).digest("hex");
}

/** What is needed of a certificate that this host has. @throws if it isn't one */
export function readCertificate(pem: string): {
  commonName: string;
  /** Lower case, without leading zeros. */
  serial: string;
  from: number;
  until: number;
  /** Fingerprint of its key. */
  key: string;
} {
  const certificate = new X509Certificate(pem);
  return {
    commonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? "",
    serial: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, ""),
    from: Date.parse(certificate.validFrom),
    until: Date.parse(certificate.validTo),
    key: keyFingerprint(certificate.publicKey.export({ type: "spki", format: "der" })),
  };
}

/** Fingerprint of the public half of a private key, as {@linkcode readCertificate} gives it. */
export async function fingerprintOfKey(pem: string): Promise<string> {
  const half = await publicHalf(await importKey(pem));
  return keyFingerprint(new Uint8Array(await crypto.subtle.exportKey("spki", half)));
}

/** Of the certificates of a file, the one that a private key is of; `undefined` where it is of none. */
export async function certificateOf(pem: string, key: string): Promise<string | undefined> {
  const wanted = await fingerprintOfKey(key);
  const found = certificatesOf(pem).find((one) => readCertificate(one).key === wanted);
  return found && `${found}\n`;
}

/** The certificates of a file. */
export function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

/** A certificate as text. */
export function pemOf(der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** Whether one of these authorities has signed a certificate, and neither has ended. */
export function isSignedBy(certificate: string, authorities: string): boolean {
  const own = new X509Certificate(certificate);
  const now = Date.now();
  const lasts = ({ validFrom, validTo }: X509Certificate) =>
    Date.parse(validFrom) <= now && now < Date.parse(validTo);
  return lasts(own) && certificatesOf(authorities).map((pem) => new X509Certificate(pem))
    .some((issuer) => lasts(issuer) && own.verify(issuer.publicKey));
}

/** Whether a certificate is good for an address, as a server. */
export function isGoodFor(pem: string, address: string): boolean {
  return new X509Certificate(pem).checkIP(address) !== undefined;
}

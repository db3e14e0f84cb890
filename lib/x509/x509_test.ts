import assert from "node:assert/strict";
import {
  certificatesOf,
  certify,
  certifyNew,
  createAuthority,
  createRequest,
  fingerprint,
  isSignedBy,
  keyFingerprint,
  readCertificate,
  requestedKey,
  revocationList,
} from "./x509.ts";

const YEAR = 365 * 86_400_000;
const subject = {
  commonName: "h",
  names: ["10.0.0.1", "fd00::1", "h.netsvc"],
  until: Date.now() + YEAR,
};

async function openssl(
  args: string[],
  files: Record<string, string | Uint8Array>,
): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
      await Deno.writeFile(`${directory}/${name}`, bytes);
    }
    const { stdout, stderr } = await new Deno.Command("openssl", { args, cwd: directory }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("openssl takes what the authority signs, and its list of what is revoked", async () => {
  const authority = await createAuthority("netsvc test", Date.now() + 10 * YEAR);
  const { request, key } = await createRequest("anything");
  const publicKey = await requestedKey(request);
  assert.ok(publicKey);
  const certificate = await certify(authority, { ...subject, publicKey });
  const files = { "ca.pem": authority.certificate, "cert.pem": certificate, "key.pem": key };
  const strict = ["verify", "-x509_strict", "-CAfile", "ca.pem"];
  assert.match(
    await openssl([...strict, "-verify_ip", "10.0.0.1", "cert.pem"], files),
    /cert\.pem: OK/,
  );
  assert.match(
    await openssl([...strict, "-verify_ip", "fd00::1", "cert.pem"], files),
    /cert\.pem: OK/,
  );
  assert.match(await openssl([...strict, "-verify_ip", "10.0.0.2", "cert.pem"], files), /mismatch/);
  const { serial, commonName, key: ownKey, until } = readCertificate(certificate);
  assert.equal(commonName, "h");
  assert.equal(ownKey, keyFingerprint(publicKey));
  assert.equal(Math.floor(until / 1000), Math.floor(subject.until / 1000));
  const list = await revocationList(authority, [serial]);
  const revoked = ["verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "crl.der", "cert.pem"];
  assert.match(await openssl(revoked, { ...files, "crl.der": list }), /certificate revoked/);
  const none = await revocationList(authority, []);
  assert.match(await openssl(revoked, { ...files, "crl.der": none }), /cert\.pem: OK/);
  assert.match(
    await openssl(["x509", "-in", "ca.pem", "-fingerprint", "-sha256", "-noout"], files),
    new RegExp(fingerprint(authority.certificate).match(/../g)!.join(":"), "i"),
  );
});

Deno.test("a key that is kept gets its certificate renewed", async () => {
  const authority = await createAuthority("a", Date.now() + YEAR);
  const first = await certifyNew(authority, subject);
  const again = await createRequest("h", first.key);
  assert.equal(again.key.trim(), first.key.trim());
  const publicKey = await requestedKey(again.request);
  assert.equal(keyFingerprint(publicKey!), readCertificate(first.certificate).key);
});

Deno.test("a certificate ends with its authority at the latest", async () => {
  const end = Date.now() + YEAR / 2;
  const authority = await createAuthority("a", end);
  const { certificate } = await certifyNew(authority, subject);
  assert.equal(Math.floor(readCertificate(certificate).until / 1000), Math.floor(end / 1000));
});

Deno.test("who signed is told, of one authority or two", async () => {
  const [a, b] = [
    await createAuthority("a", Date.now() + YEAR),
    await createAuthority("a", Date.now() + YEAR),
  ];
  const { certificate } = await certifyNew(a, subject);
  assert.ok(isSignedBy(certificate, a.certificate));
  assert.ok(!isSignedBy(certificate, b.certificate));
  assert.ok(isSignedBy(certificate, b.certificate + a.certificate));
  assert.equal(certificatesOf(b.certificate + a.certificate).length, 2);
  const ended = await createAuthority("a", Date.now() - 1000);
  assert.ok(!isSignedBy((await certifyNew(ended, subject)).certificate, ended.certificate));
});

Deno.test("what isn't a request of P-256, signed by its own key, has no key", async () => {
  const { request } = await createRequest("h");
  const der = Uint8Array.fromBase64(request.replace(/-----[^-]*-----|\n/g, ""));
  const pem = (bytes: Uint8Array) =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toBase64()}\n-----END CERTIFICATE REQUEST-----\n`;
  const key = (await requestedKey(pem(der)))!;
  for (let at = 0; at < der.length; at++) {
    const bent = der.slice();
    bent[at]! ^= 0x55;
    // A byte of the subject is under the signature, too; a length may be written in two ways.
    const found = await requestedKey(pem(bent));
    assert.ok(found === undefined || found.toHex() === key.toHex(), `byte ${at}`);
  }
  const rsa = await openssl([
    ...["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=h", "-keyout", "/dev/null"],
  ], {});
  const p384 = await openssl([
    ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes"],
    ...["-subj", "/CN=h", "-keyout", "/dev/null"],
  ], {});
  for (const text of ["", "x", pem(new Uint8Array(100)), rsa, p384, request.repeat(20)]) {
    assert.equal(await requestedKey(text), undefined, text.slice(0, 60));
  }
});

/**
 * Certificates for tests: an authority, and one certificate for servers and clients.
 *
 * @module
 */
import { ok } from "./command.ts";

/** Paths of PEM files. Disposing of it removes them. */
export interface Certificates extends AsyncDisposable {
  ca: string;
  cert: string;
  key: string;
}

/** Makes an authority and a certificate of it, by default for this machine's loopback. */
export async function makeCertificates(
  names = "IP:127.0.0.1,IP:::1,DNS:localhost",
): Promise<Certificates> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const file = (name: string) => `${directory}/${name}.pem`;
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
  await ok([
    ...["openssl", "req", "-x509", ...fresh, "-subj", "/CN=Test authority"],
    ...["-keyout", file("ca-key"), "-out", file("ca")],
  ]);
  await ok([
    ...["openssl", "req", "-x509", ...fresh, "-subj", "/CN=netsvc"],
    ...["-CA", file("ca"), "-CAkey", file("ca-key")],
    ...["-addext", `subjectAltName=${names}`],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", "extendedKeyUsage=serverAuth,clientAuth"],
    ...["-keyout", file("key"), "-out", file("cert")],
  ]);
  return {
    ca: file("ca"),
    cert: file("cert"),
    key: file("key"),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

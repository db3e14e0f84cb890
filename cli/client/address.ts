/**
 * Addresses of daemons, as a client is given them.
 *
 * @module
 */
import { atMost } from "../../lib/async/deadline.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** Where a daemon is. */
export type DaemonAddress =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; hostname: string; port: number; tls: boolean };

/** Where systems keep the certificates that they trust. */
const SYSTEM_CERTIFICATES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
/** Time for the probe whether a daemon speaks TLS, in milliseconds. */
const PROBE_MS = 2_000;

/**
 * Reads `unix:///PATH`, `tcp://HOST:PORT` or `tls://HOST:PORT`.
 *
 * @param trusted whether certificates are given that a daemon has to be vouched for by: TCP is TLS then
 * @throws {NetsvcError} `invalid`
 */
export function parseAddress(text: string, trusted: boolean): DaemonAddress {
  const unix = text.match(/^unix:\/\/(\/.+)$/);
  if (unix) return { kind: "unix", path: unix[1]! };
  const tcp = text.match(/^(tcp|tls):\/\/(\[[0-9a-fA-F:.]+\]|[^/\s:@]+):(\d{1,5})\/?$/);
  if (tcp) {
    const [, scheme, hostname, port] = tcp;
    return {
      kind: "tcp",
      hostname: hostname!,
      port: Number(port),
      tls: trusted || scheme === "tls",
    };
  }
  throw new NetsvcError(
    "invalid",
    `Invalid host ${JSON.stringify(text)}; write it like unix:///run/netsvc.sock, ` +
      `tcp://127.0.0.1:2380 or tls://host.example:2380`,
    { exitCode: 2 },
  );
}

/** Whether requests to a host stay on this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The certificates that this machine trusts; `undefined`: none are found, and Deno's own count. */
export function systemCertificates(): string | undefined {
  for (const path of [Deno.env.get("SSL_CERT_FILE"), ...SYSTEM_CERTIFICATES]) {
    if (path === undefined) continue;
    try {
      return Deno.readTextFileSync(path);
    } catch {
      // Another system's.
    }
  }
  return undefined;
}

/** Whether a daemon whose answer wasn't understood speaks TLS. */
export async function speaksTls(hostname: string, port: number): Promise<boolean> {
  const attempt = Deno.connectTls({ hostname: hostname.replace(/^\[|\]$/g, ""), port }).then(
    async (conn) => {
      try {
        await conn.handshake();
        return true;
      } finally {
        conn.close();
      }
    },
  ).catch((error) => /certificate|UnknownIssuer/i.test(String(error)));
  return await atMost(attempt, PROBE_MS) ?? false;
}

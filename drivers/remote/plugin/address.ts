/**
 * Where a plugin listens, parsed from its source: the path of a socket, the line of a `.spec`, the object of a
 * `.json`. Pure.
 *
 * @module
 */
import { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { goObject } from "../protocol/go_json.ts";

/** Files of a TLS client, absolute paths of PEM. */
export interface PluginTlsFiles {
  /** The authorities that vouch for the plugin; absent: those that this machine trusts. */
  ca?: string;
  /** netsvc's certificate for the plugin, with its key; both or neither. */
  cert?: string;
  key?: string;
}

/** Where a plugin listens. */
export type PluginEndpoint =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; host: string; port: number; tls?: PluginTlsFiles };

/** The object of a `.json`, parsed as Go's decoder does. */
const SPEC = goObject({
  Addr: z.string(),
  TLSConfig: goObject({
    InsecureSkipVerify: z.boolean().optional(),
    CAFile: z.string().optional(),
    CertFile: z.string().optional(),
    KeyFile: z.string().optional(),
  }).optional(),
});

/** Ports of URLs that give none. */
const DEFAULT_PORTS: Record<string, number> = { http: 80, tcp: 80, https: 443 };

function refuse(file: string, problem: string): never {
  throw new NetsvcError("invalid", `Invalid plugin file "${file}": ${problem}`);
}

/**
 * Reads a `.spec`: one line, the plugin's URL. `https` is checked against the authorities that this
 * machine trusts; Docker doesn't check it at all.
 *
 * @throws {NetsvcError} `invalid` naming the file
 */
export function parseSpecFile(file: string, text: string): PluginEndpoint {
  const { scheme, endpoint } = parseUrl(file, text.trim());
  return endpoint.kind === "tcp" && scheme === "https" ? { ...endpoint, tls: {} } : endpoint;
}

/**
 * Reads a `.json`: `{Addr, TLSConfig}`. Docker stops checking certificates when CAFile is empty;
 * here that is refused, and so is InsecureSkipVerify.
 *
 * @throws {NetsvcError} `invalid` naming the file
 */
export function parseJsonFile(file: string, text: string): PluginEndpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NetsvcError("invalid", `Invalid plugin file "${file}": it isn't JSON`, { cause });
  }
  const spec = SPEC.safeParse(value);
  if (!spec.success) refuse(file, z.prettifyError(spec.error).replaceAll(/\s*\n\s*/g, " "));
  const { Addr, TLSConfig } = spec.data;
  const { scheme, endpoint } = parseUrl(file, Addr.trim());
  if (endpoint.kind === "unix") return endpoint;
  if (!TLSConfig) return scheme === "https" ? { ...endpoint, tls: {} } : endpoint;
  if (scheme === "http") {
    refuse(file, `TLSConfig and "${Addr}" contradict each other; use https://`);
  }
  if (TLSConfig.InsecureSkipVerify) {
    refuse(file, "InsecureSkipVerify is never followed; remove it and set CAFile");
  }
  if (!TLSConfig.CAFile) {
    refuse(
      file,
      "TLSConfig has no CAFile, and netsvc doesn't leave a certificate unchecked as Docker does; " +
        "set it (to /etc/ssl/certs/ca-certificates.crt for what this machine trusts)",
    );
  }
  return { ...endpoint, tls: tlsFiles(file, TLSConfig) };
}

function tlsFiles(
  file: string,
  { CAFile, CertFile, KeyFile }: NonNullable<z.infer<typeof SPEC>["TLSConfig"]>,
): PluginTlsFiles {
  if (!CertFile !== !KeyFile) refuse(file, "CertFile and KeyFile go together; set both or neither");
  for (const [key, path] of Object.entries({ CAFile, CertFile, KeyFile })) {
    if (path && !path.startsWith("/")) {
      refuse(file, `${key} is the relative path "${path}"; use an absolute one`);
    }
  }
  return {
    ...CAFile && { ca: CAFile },
    ...CertFile && { cert: CertFile },
    ...KeyFile && { key: KeyFile },
  };
}

function parseUrl(file: string, text: string): { scheme: string; endpoint: PluginEndpoint } {
  const example = "write it like unix:///run/x.sock, tcp://127.0.0.1:8080 or https://host:8443";
  const unix = text.match(/^unix:\/\/(\/[^\s\0]+)$/);
  if (unix) return { scheme: "unix", endpoint: { kind: "unix", path: unix[1]! } };
  // Ignores what follows the port, as Docker does.
  const [, scheme, host, port] = text.match(
    /^(tcp|https?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?(?:\/\S*)?$/,
  ) ??
    [];
  if (scheme === undefined || host === undefined) {
    refuse(file, `it has the address ${JSON.stringify(text.slice(0, 200))}; ${example}`);
  }
  const number = port === undefined ? DEFAULT_PORTS[scheme]! : Number(port);
  if (number < 1 || number > 65535) refuse(file, `${port} is not a port; ${example}`);
  return {
    scheme,
    endpoint: { kind: "tcp", host: host.replaceAll(/[\[\]]/g, ""), port: number },
  };
}

/** An endpoint in the form people write it. */
export function formatEndpoint(endpoint: PluginEndpoint): string {
  if (endpoint.kind === "unix") return endpoint.path;
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.tls ? "https" : "tcp"}://${host}:${endpoint.port}`;
}

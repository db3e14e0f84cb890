/**
 * Where the API listens: unix sockets, and TCP under rules: plain on loopback, beyond it with TLS
 * and a token, or when the user insists.
 *
 * @module
 */
import { errorChain, NetsvcError } from "./wire/errors.ts";
import type { DaemonFlags } from "./wire/daemon_flags.ts";
import type { GuardOptions } from "./app/guard.ts";
import { DOCKER_HOSTS } from "./docker_api/version.ts";

/** Group and owner may use the socket. */
const SOCKET_MODE = 0o660;
const MIN_TOKEN_LENGTH = 16;
/** Of a unix socket's path, in bytes, without the final NUL (unix(7)). */
const MAX_SOCKET_PATH = 107;

/** A checked address of TCP. */
interface TcpAddress {
  kind: "tcp";
  hostname: string;
  port: number;
  tls?: { cert: string; key: string };
  token?: string;
}

/** A checked listen address. */
export type ListenAddress = { kind: "unix"; path: string } | TcpAddress;

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

async function readSecret(flag: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new NetsvcError("invalid", `Cannot read ${flag} "${path}": ${errorChain(error)[0]}`);
  }
}

async function readToken(path: string): Promise<string> {
  const token = (await readSecret("--token-file", path)).trim();
  if (token.length >= MIN_TOKEN_LENGTH && /^\S+$/.test(token)) return token;
  throw new NetsvcError(
    "invalid",
    `The token in "${path}" is too weak: use at least ${MIN_TOKEN_LENGTH} characters and no blanks`,
  );
}

/** Parses `unix:///path` or `tcp://HOST:PORT`. @throws {NetsvcError} `invalid` */
export function parseListenAddress(
  text: string,
): { kind: "unix"; path: string } | { kind: "tcp"; hostname: string; port: number } {
  const unix = text.match(/^unix:\/\/(\/.+)$/);
  if (unix) {
    const path = unix[1]!;
    if (new TextEncoder().encode(path).length <= MAX_SOCKET_PATH) return { kind: "unix", path };
    throw new NetsvcError(
      "invalid",
      `The path of the socket "${path}" is too long: at most ${MAX_SOCKET_PATH} bytes are allowed`,
      { exitCode: 2 },
    );
  }
  const tcp = text.match(/^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^/:@\s]+):(\d{1,5})\/?$/);
  const port = Number(tcp?.[2]);
  if (tcp && port >= 1 && port <= 65535) {
    return { kind: "tcp", hostname: tcp[1]!.replace(/^\[|\]$/g, ""), port };
  }
  throw new NetsvcError(
    "invalid",
    `Invalid host ${JSON.stringify(text)}; write it like unix:///run/netsvc.sock or ` +
      `tcp://127.0.0.1:2380`,
    { exitCode: 2 },
  );
}

/**
 * Checks all listen addresses before anything is touched.
 *
 * @throws {NetsvcError} `invalid`, or `in_use` about one that can't be listened on
 */
export async function planListen(flags: DaemonFlags): Promise<ListenAddress[]> {
  const planned: ListenAddress[] = [];
  for (const host of flags.hosts) {
    const address = parseListenAddress(host);
    if (address.kind === "unix") {
      await checkSocket(address.path);
      planned.push(address);
      continue;
    }
    const { tlsCert, tlsKey, tokenFile } = flags;
    if ((tlsCert === undefined) !== (tlsKey === undefined)) {
      throw new NetsvcError("invalid", "--tls-cert and --tls-key go together; give both");
    }
    const safe = isLoopback(address.hostname) || (tlsCert !== undefined && tokenFile !== undefined);
    if (!safe && !flags.insecure) {
      throw new NetsvcError(
        "invalid",
        `Listening on ${host} without protection lets anybody command this host: give --tls-cert, ` +
          `--tls-key and --token-file, or insist with --insecure`,
      );
    }
    const tcp: TcpAddress = {
      ...address,
      ...tlsCert !== undefined && {
        tls: {
          cert: await readSecret("--tls-cert", tlsCert),
          key: await readSecret("--tls-key", tlsKey!),
        },
      },
      ...tokenFile !== undefined && { token: await readToken(tokenFile) },
    };
    tryListen(tcp);
    planned.push(tcp);
  }
  return planned;
}

/** Listens for a moment. @throws {NetsvcError} `in_use`, `invalid` about the certificate or its key */
function tryListen({ hostname, port, tls }: TcpAddress): void {
  try {
    if (tls) Deno.listenTls({ hostname, port, ...tls }).close();
    else Deno.listen({ hostname, port }).close();
  } catch (error) {
    // What isn't the system's word is about the certificate.
    const system = error instanceof Error && "code" in error;
    if (!tls || system) throw cannotListen(`${hostname}:${port}`, error);
    const said = errorChain(error)[0]!;
    const why = /KeyMismatch/.test(said) ? "the key isn't that certificate's" : said;
    throw new NetsvcError(
      "invalid",
      `Cannot use --tls-cert with --tls-key: ${why}; give a PEM certificate and its key`,
      { cause: error },
    );
  }
}

/** What a listener's guard demands. */
export function guardFor(address: ListenAddress, hostName: string): GuardOptions {
  if (address.kind === "unix") return { hosts: DOCKER_HOSTS, unix: true };
  return {
    hosts: [address.hostname.toLowerCase(), hostName.toLowerCase()],
    ...address.token !== undefined && { token: address.token },
  };
}

/** Tells whether a dead daemon left a socket. @throws {NetsvcError} `in_use` when one listens */
async function checkSocket(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (!info) return false;
  if (!info.isSocket) {
    throw new NetsvcError("in_use", `Cannot listen on "${path}": it is no socket; remove it`);
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch {
    return true;
  }
  throw new NetsvcError(
    "in_use",
    `Cannot listen on "${path}": another daemon does; stop it or choose another -H`,
  );
}

/** Serves on an address. */
export async function listen(
  address: ListenAddress,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Deno.HttpServer> {
  const onListen = () => {};
  if (address.kind === "unix") {
    if (await checkSocket(address.path)) await Deno.remove(address.path);
    // From the first moment on nobody else may open it.
    const umask = Deno.umask(0o117);
    try {
      const server = Deno.serve({ path: address.path, onListen }, handler);
      Deno.chmodSync(address.path, SOCKET_MODE);
      return server;
    } catch (error) {
      throw cannotListen(address.path, error);
    } finally {
      Deno.umask(umask);
    }
  }
  const { hostname, port, tls } = address;
  try {
    return tls
      ? Deno.serve({ hostname, port, cert: tls.cert, key: tls.key, onListen }, handler)
      : Deno.serve({ hostname, port, onListen }, handler);
  } catch (error) {
    throw cannotListen(`${hostname}:${port}`, error);
  }
}

function cannotListen(where: string, error: unknown): NetsvcError {
  return new NetsvcError("in_use", `Cannot listen on "${where}": ${errorChain(error)[0]}`, {
    cause: error,
  });
}

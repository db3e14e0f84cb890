/**
 * The API's listeners: unix sockets, and TCP, which always requires a token, and beyond loopback TLS as well
 * unless the user insists.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { readFileSync } from "../../../lib/linux/libc.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import type { DaemonSettings } from "../../../lib/api/settings/settings.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import { type Handler, LIMITS } from "./connection.ts";
import { HttpServer } from "./server.ts";
import { UnixServer } from "./unix_server.ts";

const log = getLogger(["netsvc", "api"]);

/** Owner and group can connect to the socket. */
const SOCKET_MODE = 0o660;
/** Longest path of a unix socket, in bytes, without the final NUL (unix(7)). */
const MAX_SOCKET_PATH = 107;
/** The API may use one in this many of the file descriptors that this process may open. */
const SHARE = 4;
/** How long the old listener keeps accepting its queued connections beside a new one, in milliseconds. */
const HANDOVER_MS = 250;

/** A checked TCP address. */
export interface TcpAddress {
  kind: "tcp";
  hostname: string;
  port: number;
}

/** A checked listen address. */
export type ListenAddress = { kind: "unix"; path: string } | TcpAddress;

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
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

/** The protection that an address lacks, as text for a message; `undefined`: it is protected. */
function lacks({ hostname }: TcpAddress, { tls, tokens }: Credentials): string | undefined {
  if (isLoopback(hostname)) {
    return tokens
      ? undefined
      : "without a token makes every user of this host root: give --token-file";
  }
  if (tls && tokens) return undefined;
  return "without protection lets anybody command this host: give --tls-cert, --tls-key and --token-file";
}

/**
 * Checks all listen addresses before anything on the machine is changed.
 *
 * @throws {NetsvcError} `invalid`, or `in_use` when another program listens on an address
 */
export async function planListen(
  flags: DaemonSettings,
): Promise<{ addresses: ListenAddress[]; credentials: Credentials }> {
  const addresses: ListenAddress[] = [];
  const credentials = readCredentials(flags);
  for (const host of flags.hosts) {
    const address = parseListenAddress(host);
    if (address.kind === "unix") await checkSocket(address.path);
    else {
      const why = flags.insecure ? undefined : lacks(address, credentials);
      if (why !== undefined) {
        throw new NetsvcError(
          "invalid",
          `Listening on ${host} ${why}, or insist with --insecure`,
        );
      }
      tryListen(address);
    }
    addresses.push(address);
  }
  return { addresses, credentials };
}

/** Tests an address by listening on it briefly. @throws {NetsvcError} `in_use` */
function tryListen({ hostname, port }: TcpAddress): void {
  try {
    Deno.listen({ hostname, port }).close();
  } catch (error) {
    throw cannotListen(`${hostname}:${port}`, error);
  }
}

/** Whether a dead daemon left the socket. @throws {NetsvcError} `in_use` when a daemon listens on it */
async function checkSocket(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (!info) return false;
  if (!info.isSocket) {
    throw new NetsvcError("in_use", `Cannot listen on "${path}": it is not a socket; remove it`);
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

/** Limit of connections for each of `listeners`: leaves file descriptors for sandboxes. */
export function connectionsFor(listeners: number): number {
  let limit = Infinity;
  try {
    limit = Number(
      readFileSync("/proc/self/limits").match(/^Max open files\s+(\d+)/m)?.[1] ?? limit,
    );
  } catch {
    // This /proc doesn't show the limit.
  }
  return Math.max(8, Math.min(LIMITS.connections, Math.floor(limit / SHARE / listeners)));
}

/** Serves on a unix socket. @throws {NetsvcError} `in_use` */
export async function listenUnix(path: string, handler: Handler): Promise<UnixServer> {
  if (await checkSocket(path)) await Deno.remove(path);
  // The umask keeps other users from connecting before the mode is set.
  const umask = Deno.umask(0o117);
  try {
    const server = new UnixServer(path, handler);
    Deno.chmodSync(path, SOCKET_MODE);
    return server;
  } catch (error) {
    throw cannotListen(path, error);
  } finally {
    Deno.umask(umask);
  }
}

function openTcp({ hostname, port }: TcpAddress, { tls }: Credentials): Deno.Listener {
  // Lets a second listener with a new certificate open the same port beside this one.
  const address = { hostname, port, reusePort: true };
  return tls ? Deno.listenTls({ ...address, ...tls }) : Deno.listen(address);
}

/** How a {@linkcode TcpApi} answers. */
export interface TcpApiOptions {
  handler: Handler;
  /** How many listeners share the process's descriptors. */
  listeners: number;
}

/** Serves a TCP address with the current credentials. */
export class TcpApi {
  readonly #address: TcpAddress;
  readonly #server: HttpServer;
  #listener: Deno.Listener;

  /** @throws {NetsvcError} `in_use` */
  constructor(
    address: TcpAddress,
    credentials: Credentials,
    { handler, listeners }: TcpApiOptions,
  ) {
    this.#address = address;
    this.#server = new HttpServer(handler, { connections: connectionsFor(listeners) });
    try {
      this.#listener = openTcp(address, credentials);
    } catch (error) {
      throw cannotListen(`${address.hostname}:${address.port}`, error);
    }
    this.#server.accept(this.#listener);
  }

  /** New connections get the new certificate; connections whose token is no longer valid are cut off. */
  renew(credentials: Credentials, renewed: { tls: boolean; tokens: boolean }): void {
    const { tokens } = credentials;
    if (renewed.tokens && tokens) {
      this.#server.hangUp(({ token }) => token !== undefined && !tokens.includes(token));
    }
    if (!renewed.tls) return;
    const before = this.#listener;
    try {
      this.#listener = openTcp(this.#address, credentials);
    } catch (error) {
      const cause = errorChain(error)[0];
      return log.error("Cannot listen with the new certificate: {cause}", { cause });
    }
    this.#server.accept(this.#listener);
    setTimeout(() => this.#server.release(before), HANDOVER_MS);
  }

  shutdown(grace: number): Promise<void> {
    return this.#server.shutdown(grace);
  }
}

export function cannotListen(where: string, error: unknown): NetsvcError {
  return new NetsvcError("in_use", `Cannot listen on "${where}": ${errorChain(error)[0]}`, {
    cause: error,
  });
}

/**
 * Forwards requests to Docker's socket unchanged, and their answers back: streamed, without a deadline and
 * without a size limit. Upgraded connections are copied byte for byte.
 *
 * @module
 */
import { deadline } from "../../../../lib/async/deadline.ts";
import { connectionOf } from "../../../http/listen/connection.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { readBody } from "../../../http/body.ts";
import type { Docker } from "../../../engines/docker/docker.ts";
import { upgradeRaw } from "./raw_upgrade.ts";

/** Headers that concern one connection (RFC 9110, 7.6.1), or are written anew. */
const HOP_BY_HOP = [
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"],
  ...["upgrade", "host"],
];
/** Headers that only concern client and netsvc: the token, and the wait before sending a body. */
const OWN = ["authorization", "expect"];
/** Marks forwarded requests, to detect a forwarding loop. */
const VIA = "1.1 netsvc";
/** Size limit of an answer's head, in bytes. */
const MAX_HEAD = 64 * 1024;
/** Deadline for an answer's head, in milliseconds. */
const HEAD_DEADLINE_MS = 60_000;

/** Path and query of a request. */
export function target(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return pathname + search;
}

/** Removes headers that concern one connection: the usual ones, and those that `Connection` names. */
export function withoutHops(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = (headers.get("connection") ?? "").split(",").map((name) => name.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name));
  for (const name of [...HOP_BY_HOP, ...named]) kept.delete(name);
  return kept;
}

/** The headers of the forwarded request. */
export function headersFor(request: Request): Headers {
  const headers = withoutHops(request.headers);
  for (const name of OWN) headers.delete(name);
  // fetch() would decompress the answer, but its Content-Length would be that of the compressed one.
  headers.set("accept-encoding", "identity");
  headers.append("via", VIA);
  return headers;
}

/** The engine takes an empty body of unknown length for a body, which it refuses with many requests. */
function hasBody({ headers }: Request): boolean {
  return headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 0;
}

/** Parts of a request that are changed before it is forwarded. */
export interface Changes {
  path?: string;
  body?: string;
}

/** Forwards a request and returns the answer unchanged. @throws {NetsvcError} `unavailable` */
export async function forward(
  engine: Docker,
  request: Request,
  { path = target(request), body }: Changes = {},
): Promise<Response> {
  if (request.headers.get("via")?.includes(VIA)) {
    throw new NetsvcError("invalid", "--docker-socket leads back to netsvc; give Docker's own");
  }
  // The engine finishes its operation even if the client disconnects.
  connectionOf(request)?.allowCut(request);
  await engine.check(new URL(request.url).pathname);
  if (request.headers.has("upgrade")) return await tunnel(engine, request, path);
  const headers = headersFor(request);
  if (body !== undefined) headers.delete("content-length");
  const answer = await engine.client.fetch(path, {
    method: request.method,
    headers,
    body: body ?? (hasBody(request) ? request.body : null),
    signal: request.signal,
  });
  const answered = withoutHops(answer.headers);
  // Compression would delay the chunks of a stream.
  answered.append("cache-control", "no-transform");
  return new Response(answer.body, { status: answer.status, headers: answered });
}

async function tunnel(engine: Docker, request: Request, path: string): Promise<Response> {
  const upstream = await Deno.connect({ transport: "unix", path: engine.client.path }).catch(
    (cause) => {
      throw new NetsvcError("unavailable", `Cannot reach Docker at ${engine.client.path}`, {
        cause,
      });
    },
  );
  try {
    const body = await readBody(request);
    const headers = headersFor(request);
    headers.set("host", "docker");
    headers.set("connection", "Upgrade");
    headers.set("upgrade", request.headers.get("upgrade")!);
    headers.set("content-length", String(body.length));
    const head = [`${request.method} ${path} HTTP/1.1`];
    for (const [name, value] of headers) head.push(`${name}: ${value}`);
    await writeAll(upstream, new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
    await writeAll(upstream, body);
    const answer = await readHead(upstream);
    if (answer.status !== 101) return await refused(upstream, answer);
    const { conn, response } = upgradeRaw(request);
    const ended = connectionOf(request)?.hold(() => {
      close(conn);
      close(upstream);
    });
    splice(conn, upstream, [answer.head, answer.rest]).finally(() => ended?.());
    return response;
  } catch (error) {
    upstream.close();
    throw error;
  }
}

/** Copies in both directions until both end; such connections end by one side closing its own. */
function splice(
  client: Deno.Conn,
  engine: Deno.UnixConn,
  first: Uint8Array[],
): Promise<void> {
  const up = pump(client, engine).then(() => engine.closeWrite());
  const down = (async () => {
    for (const bytes of first) await writeAll(client, bytes);
    await pump(engine, client);
  })();
  up.catch(() => {});
  // The engine's end closes both; a client that stops sending may still read.
  return down.catch(() => {}).finally(() => {
    close(client);
    close(engine);
  });
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The other direction has closed it already.
  }
}

async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let n; (n = await from.read(buffer)) !== null;) await writeAll(to, buffer.subarray(0, n));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

interface Head {
  status: number;
  /** The bytes as received, including the empty line. */
  head: Uint8Array;
  headers: Headers;
  /** The bytes that were received after the head. */
  rest: Uint8Array;
}

async function readHead(conn: Deno.Conn): Promise<Head> {
  const error = () => new NetsvcError("timeout", "Docker doesn't answer");
  return await deadline(receiveHead(conn), HEAD_DEADLINE_MS, { error });
}

/** Reads the head of an answer, and skips informational answers (RFC 9110, 15.2). */
export async function receiveHead(conn: Pick<Deno.Conn, "read">): Promise<Head> {
  const buffer = new Uint8Array(MAX_HEAD);
  let begin = 0;
  for (let length = 0; length < MAX_HEAD;) {
    const n = await conn.read(buffer.subarray(length));
    if (n === null) break;
    length += n;
    while (true) {
      const text = new TextDecoder("latin1").decode(buffer.subarray(begin, length));
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) break;
      const [line, ...fields] = text.slice(0, end).split("\r\n");
      const status = Number(line!.split(" ")[1]);
      const head = begin;
      begin += end + 4;
      if (status >= 100 && status < 200 && status !== 101) continue;
      return {
        status,
        head: buffer.slice(head, begin),
        headers: new Headers(fields.map((field) => {
          const colon = field.indexOf(":");
          return [field.slice(0, colon), field.slice(colon + 1).trim()] as [string, string];
        })),
        rest: buffer.slice(begin, length),
      };
    }
  }
  throw new NetsvcError("unavailable", "Docker ended the connection without an answer");
}

/** The answer of an engine that refuses to upgrade: a JSON error of known length. */
async function refused(conn: Deno.Conn, { status, headers, rest }: Head): Promise<Response> {
  const length = Math.min(Number(headers.get("content-length") ?? 0), MAX_HEAD);
  const body = new Uint8Array(length);
  body.set(rest.subarray(0, length));
  for (let at = Math.min(rest.length, length); at < length;) {
    const n = await conn.read(body.subarray(at));
    if (n === null) break;
    at += n;
  }
  conn.close();
  const type = headers.get("content-type");
  return new Response(body, { status, ...type !== null && { headers: { "content-type": type } } });
}

/**
 * Requests that go on to Docker's socket as they are, and their answers that come back so: streamed,
 * without a deadline and without a limit. Those that become connections are passed byte for byte.
 *
 * @module
 */
import { deadline } from "../../../../lib/async/deadline.ts";
import { connectionOf } from "../../../http/listen/connection.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { readBody } from "../../../http/body.ts";
import type { Docker } from "../../../engines/docker/docker.ts";
import { upgradeRaw } from "./raw_upgrade.ts";

/** Headers that are about one connection (RFC 9110, 7.6.1), or written anew. */
const HOP_BY_HOP = [
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"],
  ...["upgrade", "host"],
];
/** What is between a client and netsvc alone: its token, and that it waits before it sends a body. */
const OWN = ["authorization", "expect"];
/** Tells a request that comes round in a circle. */
const VIA = "1.1 netsvc";
/** The head of an answer is no longer than this, in bytes, and comes within this time. */
const MAX_HEAD = 64 * 1024, HEAD_DEADLINE_MS = 60_000;

/** Path and query of a request. */
export function target(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return pathname + search;
}

/** Takes out what is about one connection: the usual headers, and those that `Connection` names. */
export function withoutHops(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = (headers.get("connection") ?? "").split(",").map((name) => name.trim())
    .filter((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name));
  for (const name of [...HOP_BY_HOP, ...named]) kept.delete(name);
  return kept;
}

/** The headers that a request goes on with. */
export function headersFor(request: Request): Headers {
  const headers = withoutHops(request.headers);
  for (const name of OWN) headers.delete(name);
  // The length would be that of the answer before it was unpacked.
  headers.set("accept-encoding", "identity");
  headers.append("via", VIA);
  return headers;
}

/** An empty body of unknown length is one to the engine, which takes none with many requests. */
function hasBody({ headers }: Request): boolean {
  return headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > 0;
}

/** What of a request is sent on otherwise than it came. */
export interface Changes {
  path?: string;
  body?: string;
}

/** Sends a request on and gives the answer as it is. @throws {NetsvcError} `unavailable` */
export async function forward(
  engine: Docker,
  request: Request,
  { path = target(request), body }: Changes = {},
): Promise<Response> {
  if (request.headers.get("via")?.includes(VIA)) {
    throw new NetsvcError("invalid", "--docker-socket leads back to netsvc; give Docker's own");
  }
  // What the engine does goes on without who asked for it.
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
  // What comes piece by piece must not wait to be packed.
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

/** Copies both ways until both are done; that one side goes away is how such connections end. */
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
  // What the engine ends is over; a client that ends may still want to hear.
  return down.catch(() => {}).finally(() => {
    close(client);
    close(engine);
  });
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed from the other side.
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
  /** As it came, with the empty line. */
  head: Uint8Array;
  headers: Headers;
  /** What came behind it. */
  rest: Uint8Array;
}

async function readHead(conn: Deno.Conn): Promise<Head> {
  const error = () => new NetsvcError("timeout", "Docker doesn't answer");
  return await deadline(receiveHead(conn), HEAD_DEADLINE_MS, { error });
}

/** Reads the head of an answer; what only says that the request goes on (RFC 9110, 15.2) is passed over. */
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

/** The answer of an engine that does not upgrade: an error, in JSON, of a known length. */
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

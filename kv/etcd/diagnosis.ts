/**
 * Finds out why a reachable server doesn't answer as etcd does: gRPC's errors don't tell. Runs only when
 * a store is opened; an unreachable server doesn't count as a mistake in the URL.
 *
 * @module
 */
import { deadline } from "../../lib/async/deadline.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import type { StoreUrl } from "../url/store_url.ts";
import type { Endpoint } from "../url/url_parts.ts";

/** Time for one probe, in milliseconds. */
const LOOK_MS = 1000;

/** The mistake in a URL whose servers don't answer; `undefined` where the URL isn't to blame. */
export async function diagnose(url: StoreUrl): Promise<NetsvcError | undefined> {
  const found = await Promise.all(url.endpoints.map((endpoint) => lookAt(url, endpoint)));
  // One endpoint that is etcd, or unreachable now, may suffice.
  return found.every((error) => error !== undefined) ? found[0] : undefined;
}

async function lookAt(url: StoreUrl, endpoint: Endpoint): Promise<NetsvcError | undefined> {
  const answer = await ask(endpoint, url.tls !== undefined);
  if (/^HTTP\/1/.test(answer)) {
    // etcd answers both HTTP/1 and HTTP/2 here, https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway
    if (/"etcdserver"/.test(answer)) return undefined;
    return new NetsvcError("unsupported", `The store "${url.display}" is not an etcd`);
  }
  if (answer === "" && !url.tls && await speaksTls(endpoint)) {
    return new NetsvcError(
      "unauthorized",
      `The store "${url.display}" speaks TLS; write etcds: or tls=true`,
    );
  }
  return undefined;
}

/** A server's answer to a request of HTTP/1. */
async function ask({ host, port }: Endpoint, tls: boolean): Promise<string> {
  if (tls) return "";
  return await withConnection(Deno.connect({ hostname: host, port }), async (conn) => {
    const request = `GET /version HTTP/1.0\r\nHost: netsvc\r\n\r\n`;
    await conn.write(new TextEncoder().encode(request));
    let text = "";
    const buffer = new Uint8Array(4096);
    while (text.length < 4096) {
      const length = await conn.read(buffer);
      if (length === null) break;
      text += new TextDecoder().decode(buffer.subarray(0, length));
    }
    return text;
  }) ?? "";
}

async function speaksTls({ host, port }: Endpoint): Promise<boolean> {
  let why = "";
  const shook = await withConnection(Deno.connectTls({ hostname: host, port }), async (conn) => {
    await conn.handshake();
    return true;
  }, (error) => why = errorChain(error).join(": "));
  return shook ?? /certificate|UnknownIssuer|alert/i.test(why);
}

/** Runs `action` on a connection for a while; `undefined` when it fails. */
async function withConnection<C extends Deno.Conn, T>(
  connecting: Promise<C>,
  action: (conn: C) => Promise<T>,
  failed: (error: unknown) => void = () => {},
): Promise<T | undefined> {
  const conn = connecting.then((conn) => conn, (error) => {
    failed(error);
    return undefined;
  });
  try {
    return await deadline(conn.then((conn) => conn && action(conn)), LOOK_MS, {
      error: () => new Error("Too late"),
    });
  } catch (error) {
    failed(error);
    return undefined;
  } finally {
    conn.then((conn) => conn?.close()).catch(() => {});
  }
}

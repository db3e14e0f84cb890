/**
 * One call of a plugin: HTTP POST over a unix socket, TCP or TLS. `node:http` and not `fetch`, which writes the
 * whole URL into the request line over a unix socket: Go's servers parse that, simple ones don't. Each call has a
 * connection of its own, so that no connection survives a restart of the plugin.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Buffer } from "node:buffer";
import { formatEndpoint, type PluginEndpoint, type PluginTlsFiles } from "./address.ts";
import { PluginAnswerError, PluginUnreachable } from "../protocol/errors.ts";

/** The version of the protocol. */
const ACCEPT = "application/vnd.docker.plugins.v1.2+json";
/** Host header for a plugin on a unix socket. */
const UNIX_HOST = "plugin.moby.localhost";
/** Largest answer: answers are small objects; in bytes. */
const MAX_ANSWER_SIZE = 1024 * 1024;

/** An answer whose body isn't parsed yet. */
export interface RawAnswer {
  status: number;
  body: string;
}

/** Makes the calls of one plugin. */
export interface Transport {
  /**
   * Posts one body, or an empty one.
   *
   * @throws {PluginUnreachable} when the request wasn't delivered or no answer came in time
   * @throws {PluginAnswerError} when the answer is too large
   */
  post(method: string, body: unknown, deadlineMs: number): Promise<RawAnswer>;
}

/** Makes the transport of a plugin; reads the TLS files. */
export async function openTransport(
  plugin: string,
  { endpoint, signal }: { endpoint: PluginEndpoint; signal: AbortSignal },
): Promise<Transport> {
  const tls = endpoint.kind === "tcp" && endpoint.tls
    ? await readTls(plugin, endpoint.tls)
    : undefined;
  const options: RequestOptions = {
    method: "POST",
    agent: false,
    ...endpoint.kind === "unix"
      ? { socketPath: endpoint.path }
      : { host: endpoint.host, port: endpoint.port },
    ...tls,
  };
  const request = tls ? httpsRequest : httpRequest;
  const fail: Fail = (kind, reason, cause) =>
    new PluginUnreachable(plugin, kind, `${reason} (${formatEndpoint(endpoint)})`, { cause });
  return {
    post: (method, body, deadlineMs) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      const headers = {
        Accept: ACCEPT,
        "Content-Length": String(Buffer.byteLength(text)),
        ...endpoint.kind === "unix" && { Host: UNIX_HOST },
      };
      const sent = request({ ...options, path: `/${method}`, headers });
      return exchange({ plugin, method, sent, fail }, { text, deadlineMs, signal });
    },
  };
}

/** One call to send. */
interface Call {
  plugin: string;
  method: string;
  sent: ClientRequest;
  fail: Fail;
}

/**
 * Sends a request and waits for its answer. All outcomes end the same way: the first one settles, and the
 * connection is closed.
 */
async function exchange(
  { plugin, method, sent, fail }: Call,
  { text, deadlineMs, signal }: { text: string; deadlineMs: number; signal: AbortSignal },
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const end = (error: Error) => {
    reject(error);
    sent.destroy();
  };
  const late = setTimeout(
    () => end(fail("deadline", `it doesn't answer ${method} within ${deadlineMs / 1000} s`)),
    deadlineMs,
  );
  const abort = () => end(fail("stopped", "the daemon is stopping"));
  signal.addEventListener("abort", abort, { once: true });
  const broken = (error: Error) => fail("broken", `the connection broke during ${method}`, error);
  let answered = false;
  sent.on("error", (error: Error) => end(fail(kindOf(error), reasonOf(error), error)));
  sent.on("response", (response: IncomingMessage) => {
    answered = true;
    readAnswer(plugin, method, response).then(
      resolve,
      (error) => end(error instanceof PluginAnswerError ? error : broken(error)),
    );
  });
  // The rest of an answer may still be read after the connection is closed.
  sent.on("close", () => answered || reject(broken(new Error("closed"))));
  if (signal.aborted) abort();
  else sent.end(text);
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", abort);
  }
}

type Fail = (kind: PluginUnreachable["kind"], reason: string, cause?: unknown) => PluginUnreachable;

async function readAnswer(
  plugin: string,
  method: string,
  response: IncomingMessage,
): Promise<RawAnswer> {
  const decoder = new TextDecoder();
  let body = "", size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_SIZE) {
      throw new PluginAnswerError(
        plugin,
        method,
        `it answers with more than ${MAX_ANSWER_SIZE} bytes`,
      );
    }
    body += decoder.decode(chunk, { stream: true });
  }
  if (!response.complete) throw new Error("The answer ends too early");
  return { status: response.statusCode ?? 0, body: body + decoder.decode() };
}

async function readTls(
  plugin: string,
  files: PluginTlsFiles,
): Promise<{ ca?: string; cert?: string; key?: string }> {
  const read = async (path: string, what: RegExp) => {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (cause) {
      throw new PluginUnreachable(plugin, "tls", `its TLS file "${path}" can't be read`, { cause });
    }
    if (what.test(text)) return text;
    throw new PluginUnreachable(plugin, "tls", `its TLS file "${path}" isn't PEM of that kind`);
  };
  const certificate = /-----BEGIN (TRUSTED )?CERTIFICATE-----/,
    key = /-----BEGIN .*PRIVATE KEY-----/;
  return {
    ...files.ca !== undefined && { ca: await read(files.ca, certificate) },
    ...files.cert !== undefined && { cert: await read(files.cert, certificate) },
    ...files.key !== undefined && { key: await read(files.key, key) },
  };
}

/** Classifies a socket's error: the request was not sent, wasn't trusted, or got lost. */
function kindOf(error: Error): PluginUnreachable["kind"] {
  const { code = "", syscall } = error as { code?: string; syscall?: string };
  if (syscall === "connect" || /^(ENOTFOUND|EAI_)/.test(code)) return "dial";
  if (/CERT|SSL|TLS|VERIFY|ISSUER|SELF_SIGNED/.test(code)) return "tls";
  return "broken";
}

function reasonOf(error: Error): string {
  return kindOf(error) === "tls"
    ? `TLS with it fails: ${error.message}`
    : `it can't be talked to: ${error.message}`;
}

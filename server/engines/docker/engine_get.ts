/**
 * One question to an engine behind a unix socket.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

/** An engine that doesn't answer is given up after this long, in milliseconds. */
const DEADLINE_MS = 10_000;

/** A client for the engine at a socket, to be closed. */
export function engineClient(socket: string): Deno.HttpClient {
  return Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
}

/** What is asked, and of whom. */
export interface EngineQuestion {
  /** The engine's name, for messages. */
  name: string;
  /** Path of its socket. */
  socket: string;
  path: string;
  /** In milliseconds. */
  deadline?: number;
  /** Ends the waiting, as if it were late. */
  signal?: AbortSignal | undefined;
}

/** `GET`s something. @throws {NetsvcError} `timeout`, `unavailable` */
export async function engineGet(
  { name, socket, path, deadline = DEADLINE_MS, signal }: EngineQuestion,
): Promise<{ status: number; text: string }> {
  using client = engineClient(socket);
  try {
    const response = await fetch(`http://localhost${path}`, {
      client,
      signal: AbortSignal.any([AbortSignal.timeout(deadline), ...signal ? [signal] : []]),
    });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === "TimeoutError";
    throw new NetsvcError(
      late ? "timeout" : "unavailable",
      `Cannot reach ${name} at ${socket}` + (late ? ": no answer" : ""),
      { cause },
    );
  }
}

/** Reads JSON; `undefined` when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

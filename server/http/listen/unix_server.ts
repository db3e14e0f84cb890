/**
 * The API on a unix socket.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../../lib/async/sleep.ts";
import { Connection, type Handler, LIMITS } from "./connection.ts";

const log = getLogger(["netsvc", "api"]);
/** Log message about changes that took longer than the grace of a stop. */
export const CUT_OFF =
  "Changes that were still under way were cut off: their clients don't know how they ended";

/** Interval of polling whether all connections have finished at shutdown, in milliseconds. */
const STOP_POLL_MS = 5;

/**
 * Serves a unix socket. A client that can open it is as good as root on this host, so limits would protect
 * nothing; and `Deno.serve` can upgrade a request to a raw connection, which the internals that `HttpServer`
 * uses can't.
 */
export class UnixServer {
  readonly #abort = new AbortController();
  /** One entry for each request. */
  readonly #open = new Set<Connection>();
  readonly #server: Deno.HttpServer;
  #stopping = false;

  /** @throws the error of the system when it can't listen */
  constructor(path: string, handler: Handler) {
    const options = { path, signal: this.#abort.signal, onListen: () => {} };
    this.#server = Deno.serve(options, (request, { completed }) => {
      // No request starts any more. Waiting clients are cut off, as if no server listened.
      if (this.#stopping) return new Promise<Response>(() => {});
      const connection = new Connection(undefined, LIMITS);
      this.#open.add(connection);
      completed.catch(() => {}).then(() => connection.released()).finally(() =>
        this.#open.delete(connection)
      );
      return connection.answer(request, handler, completed);
    });
  }

  /** Stops like `HttpServer.shutdown()`. */
  async shutdown(grace: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + grace;
    const busy = () => [...this.#open].some((connection) => connection.busy);
    while (busy() && performance.now() < deadline) await sleep(STOP_POLL_MS);
    if (busy()) log.warn(CUT_OFF);
    for (const connection of this.#open) connection.hangUp();
    // Not after Deno's `shutdown()`: that waits for clients that follow events or logs, and an abort after it
    // throws an error that no caller can catch.
    this.#abort.abort();
    await this.#server.finished;
  }
}

/**
 * The API on a unix socket.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../../lib/async/sleep.ts";
import { Connection, type Handler, LIMITS } from "./connection.ts";

const log = getLogger(["netsvc", "api"]);
/** What is said of changes that took longer than a stop waits. */
export const CUT_OFF =
  "Changes that were still under way were cut off: their clients don't know how they ended";

/** How often it is looked whether all connections are at the end, in milliseconds. */
const STOP_POLL_MS = 5;

/**
 * Serves a unix socket. Who may open it is root here and holds nothing that he couldn't take, so there are no
 * limits; and `Deno.serve` can turn a request of his into a connection, which what `HttpServer`
 * stands on can't.
 */
export class UnixServer {
  readonly #abort = new AbortController();
  /** One for each request. */
  readonly #open = new Set<Connection>();
  readonly #server: Deno.HttpServer;
  #stopping = false;

  /** @throws whatever the system says when it can't listen */
  constructor(path: string, handler: Handler) {
    const options = { path, signal: this.#abort.signal, onListen: () => {} };
    this.#server = Deno.serve(options, (request, { completed }) => {
      // Nothing begins any more. Clients that wait for an answer are cut off, as if nothing listened.
      if (this.#stopping) return new Promise<Response>(() => {});
      const connection = new Connection(undefined, LIMITS);
      this.#open.add(connection);
      completed.catch(() => {}).then(() => connection.released()).finally(() =>
        this.#open.delete(connection)
      );
      return connection.answer(request, handler, completed);
    });
  }

  /** Stops, as `HttpServer.shutdown()` does. */
  async shutdown(grace: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + grace;
    const busy = () => [...this.#open].some((connection) => connection.busy);
    while (busy() && performance.now() < deadline) await sleep(STOP_POLL_MS);
    if (busy()) log.warn(CUT_OFF);
    for (const connection of this.#open) connection.hangUp();
    // Not after its `shutdown()`: that waits for whoever follows something, and then this throws where
    // nobody can catch it.
    this.#abort.abort();
    await this.#server.finished;
  }
}

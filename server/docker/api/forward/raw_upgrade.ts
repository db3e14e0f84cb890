/**
 * A request that becomes a connection of plain bytes (RFC 9110, 7.8), as `docker attach` and `exec`
 * ask for with `Upgrade: tcp`. Deno has no public way to it from `Deno.serve`; what its own
 * `node:http` uses for the same end is called here, and nowhere else.
 *
 * @module
 */
import { connectionOf } from "../../../http/listen/connection.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";

/** The connection below a request, and what its handler must answer with. */
export interface Upgraded {
  conn: Deno.Conn;
  response: Response;
}

interface Internals {
  upgradeHttpRaw?(request: Request): Upgraded;
}

/**
 * Takes the connection of a request over. The first bytes written to it are the head of the answer.
 *
 * @throws {NetsvcError} `unsupported` when this Deno can't
 */
export function upgradeRaw(request: Request): Upgraded {
  const { internal } = Deno as unknown as { internal: symbol };
  const internals = (Deno as unknown as Record<symbol, Internals | undefined>)[internal];
  if (!internals?.upgradeHttpRaw) {
    throw new NetsvcError("unsupported", "This Deno can't turn a request into a connection");
  }
  if (connectionOf(request)?.peer !== undefined) {
    throw new NetsvcError(
      "unsupported",
      "attach and exec work over the daemon's unix socket alone, not over TCP",
    );
  }
  return internals.upgradeHttpRaw(request);
}

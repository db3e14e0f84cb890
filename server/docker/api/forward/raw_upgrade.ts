/**
 * Upgrades a request to a connection of raw bytes (RFC 9110, 7.8), which `docker attach` and `exec` request
 * with `Upgrade: tcp`. `Deno.serve` has no public API for that; only this module calls the internals that
 * Deno's own `node:http` uses for the same purpose.
 *
 * @module
 */
import { connectionOf } from "../../../http/listen/connection.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";

/** The raw connection of a request, and the answer that its handler must return. */
export interface Upgraded {
  conn: Deno.Conn;
  response: Response;
}

interface Internals {
  upgradeHttpRaw?(request: Request): Upgraded;
}

/**
 * Takes over the connection of a request. The first bytes written to it are the head of the answer.
 *
 * @throws {NetsvcError} `unsupported` when this version of Deno lacks the internals
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

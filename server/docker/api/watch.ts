/**
 * Follows what the engine tells: containers that it starts by itself, or that somebody starts behind
 * netsvc's back, are put on their networks, too.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Docker } from "../../engines/docker/docker.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Connections } from "./connections.ts";

const log = getLogger(["netsvc", "docker"]);

/** Follows until the signal. Never rejects. */
export async function watchEngine(
  engine: Docker,
  connections: Connections,
  signal: AbortSignal,
): Promise<void> {
  const under = new Set<Promise<void>>();
  const run = (what: string, action: () => Promise<void>) => {
    const running = action().catch((error) =>
      log.warn("Cannot connect {what}: {cause}", { what, cause: errorChain(error).join(": ") })
    ).finally(() => under.delete(running));
    under.add(running);
  };
  await engine.watch((event) => {
    if (event.type === "gap") run("containers", () => connections.catchUp());
    if (event.type === "die") {
      run(`container ${shortId(event.id)}`, () => connections.forgetIfGone(event.id));
    }
    if (event.type === "start") {
      run(`container ${shortId(event.id)}`, () => connections.follow(event.id));
    }
  }, signal);
  await Promise.all(under);
}

/**
 * `/build`: the engine's, which knows none of netsvc's networks.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { Connections } from "../connections.ts";
import type { DockerApiOptions, DockerApp } from "../docker_api.ts";
import { noSuchNetwork } from "../errors.ts";
import { forward } from "../forward/forward.ts";

/** Modes that are no network of netsvc's. */
const ENGINES = /^(|default|none|host|bridge|container:.*)$/;

/** Adds the route. */
export function buildRoutes(
  app: DockerApp,
  { engine }: DockerApiOptions,
  connections: Connections,
): void {
  app.post("/build", async (c) => {
    const mode = c.req.query("networkmode") ?? "";
    if (!ENGINES.test(mode)) throw refusal(connections, mode);
    return await forward(engine, c.req.raw);
  });
}

function refusal(connections: Connections, mode: string): NetsvcError {
  try {
    connections.network(mode);
  } catch {
    return noSuchNetwork(mode);
  }
  return new NetsvcError(
    "invalid",
    `Cannot build on network "${mode}": images are built by Docker's engine, which has none of netsvc's ` +
      `networks; leave --network out for a way to the outside, or give none or host`,
  );
}

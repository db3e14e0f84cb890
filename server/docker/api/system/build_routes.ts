/**
 * `/build`: forwarded to the engine, which doesn't know netsvc's networks.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { networkOf, noSuchNetwork } from "../../../controllers/docker/names.ts";
import type { State } from "../../../model/state.ts";
import type { DockerApp, DockerContext } from "../context.ts";
import { forward } from "../forward/forward.ts";

/** Network modes that don't name a network of netsvc's. */
const ENGINES = /^(|default|none|host|bridge|container:.*)$/;

export function buildRoutes(app: DockerApp, { engine, context }: DockerContext): void {
  app.post("/build", async (c) => {
    const mode = c.req.query("networkmode") ?? "";
    if (!ENGINES.test(mode)) throw refusal(context.state, mode);
    return await forward(engine, c.req.raw);
  });
}

function refusal(state: State, mode: string): NetsvcError {
  try {
    networkOf(state, mode);
  } catch {
    return noSuchNetwork(mode);
  }
  return new NetsvcError(
    "invalid",
    `Cannot build on network "${mode}": images are built by Docker's engine, which has none of netsvc's ` +
      `networks; leave --network out for a way to the outside, or give none or host`,
  );
}

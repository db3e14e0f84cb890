/**
 * Wires the Engine API, and the containers of the Docker behind it.
 *
 * @module
 */
import type { Context } from "../../controllers/context.ts";
import { DockerContainers } from "../../controllers/docker/docker_containers.ts";
import { DockerNetworks } from "../../controllers/docker/networks.ts";
import type { DockerContext } from "../../docker/api/context.ts";
import type { EventLog } from "../../http/events.ts";
import type { Boot } from "../boot.ts";
import type { Controllers } from "./controllers.ts";

export interface DockerParts {
  context: Context;
  controllers: Controllers;
  events: EventLog;
}

/** Wires it, and begins to follow Docker's events. */
export function wireDocker(
  { plan: { version }, stack }: Boot,
  { context, controllers, events }: DockerParts,
): DockerContext {
  const options = { context, ...controllers };
  const containers = stack.use(new DockerContainers(options));
  containers.run();
  return {
    ...options,
    labels: containers.labels,
    connections: containers.connections,
    starts: containers.starts,
    dockerNetworks: new DockerNetworks({ ...options, ...options.adopted }),
    version,
    events,
  };
}

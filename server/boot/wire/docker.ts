/**
 * What Docker's API shows, and the containers of the engine behind it.
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

/** What it is put together of. */
export interface DockerParts {
  context: Context;
  controllers: Controllers;
  events: EventLog;
}

/** Puts it together, and begins to follow the engine. */
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

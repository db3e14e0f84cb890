/**
 * What the routes of the Engine API share.
 *
 * @module
 */
import type { Context as HonoContext, Hono } from "@hono/hono";
import type { VersionInfo } from "../../../lib/api/types.ts";
import type { Desired } from "../../controllers/adopted/desired.ts";
import type { Context } from "../../controllers/context.ts";
import type { Connections } from "../../controllers/docker/connections.ts";
import type { DockerNetworks } from "../../controllers/docker/networks.ts";
import type { Labels } from "../../controllers/docker/labels.ts";
import type { Starts } from "../../controllers/docker/starts.ts";
import type { Networks } from "../../controllers/networks/networks.ts";
import type { Services } from "../../controllers/services/services.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import type { EventLog } from "../../http/events.ts";

/** An application whose paths don't contain the version. */
export type DockerApp = Hono;

export interface DockerContext {
  context: Pick<Context, "state" | "drivers" | "defaultNetwork" | "namespaces">;
  networks: Networks;
  services: Services;
  /** The Docker engine behind netsvc. */
  engine: Docker;
  desired: Desired;
  labels: Labels;
  connections: Connections;
  starts: Starts;
  dockerNetworks: DockerNetworks;
  version: VersionInfo;
  events: EventLog;
}

/** A JSON answer with the content type that Docker's clients require. */
export function json(c: HonoContext, value: unknown, status = 200): Response {
  return c.body(JSON.stringify(value), status as 200, { "content-type": "application/json" });
}

/**
 * `/hosts`.
 *
 * @module
 */
import type { Hosts } from "../../controllers/hosts/hosts.ts";
import type { ClusterControl } from "../../controllers/clusters/cluster_control.ts";
import { STORE_EXPOSED_HEADER } from "../../../lib/api/headers.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, createRoute, errors, Force, Ref, z } from "./route.ts";

const list = createRoute({
  method: "get",
  path: "/hosts",
  summary: "List the hosts of the cluster",
  responses: { 200: answer("Hosts, by name", z.array(schemas.Host)), ...errors },
});

const show = createRoute({
  method: "get",
  path: "/hosts/{ref}",
  summary: "Show a host with the services that it backs",
  request: { params: Ref },
  responses: { 200: answer("The host", schemas.HostDetail), ...errors },
});

const remove = createRoute({
  method: "delete",
  path: "/hosts/{ref}",
  summary: "Forget a host that is gone for good",
  request: { params: Ref, query: Force },
  responses: { 200: answer("What was removed and cut", schemas.Removed), ...errors },
});

export interface HostParts {
  hosts: Pick<Hosts, "list" | "info">;
  clusters: Pick<ClusterControl, "removeHost">;
  /** Which others besides the hosts can write to the shared store; `undefined`: none that netsvc knows of. */
  storeExposure: string | undefined;
}

export function hostRoutes(
  app: App,
  { hosts, clusters, storeExposure: exposure }: HostParts,
): void {
  app.openapi(
    list,
    async (c) => {
      if (exposure !== undefined) c.header(STORE_EXPOSED_HEADER, encodeURIComponent(exposure));
      return c.json(await hosts.list(), 200);
    },
  );
  app.openapi(
    show,
    async (c) => c.json(await hosts.info(c.req.valid("param").ref), 200),
  );
  app.openapi(
    remove,
    async (c) => {
      const force = c.req.valid("query").force === "true";
      return c.json(await clusters.removeHost(c.req.valid("param").ref, { force }), 200);
    },
  );
}

/**
 * `/networks`.
 *
 * @module
 */
import type { Backends } from "../../controllers/adopted/backends.ts";
import type { Networks } from "../../controllers/networks/networks.ts";
import { progressOf } from "../patience.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, body, createRoute, errors, Force, Ref, z } from "./route.ts";

const list = createRoute({
  method: "get",
  path: "/networks",
  summary: "List networks",
  responses: {
    200: answer("Networks, by creation", z.array(schemas.ListedNetwork)),
    ...errors,
  },
});

const create = createRoute({
  method: "post",
  path: "/networks",
  summary: "Create a network",
  request: { body: body(schemas.CreateNetwork) },
  responses: { 201: answer("The network", schemas.CreatedNetwork), ...errors },
});

const show = createRoute({
  method: "get",
  path: "/networks/{ref}",
  summary: "Show a network with its services",
  request: { params: Ref },
  responses: { 200: answer("The network", schemas.NetworkDetail), ...errors },
});

const remove = createRoute({
  method: "delete",
  path: "/networks/{ref}",
  summary: "Remove a network",
  request: { params: Ref, query: Force },
  responses: { 200: answer("What was removed and cut", schemas.Removed), ...errors },
});

export interface NetworkParts {
  networks: Pick<Networks, "listed" | "create" | "missing" | "info" | "remove">;
  backends: Pick<Backends, "unpublish">;
}

export function networkRoutes(app: App, { networks, backends }: NetworkParts): void {
  app.openapi(
    list,
    async (c) => c.json(await networks.listed(), 200),
  );
  app.openapi(
    create,
    async (c) => {
      const network = await networks.create(c.req.valid("json"));
      const warnings = networks.missing(network);
      return c.json({ ...network, ...warnings.length > 0 && { warnings } }, 201);
    },
  );
  app.openapi(
    show,
    async (c) => c.json(await networks.info(c.req.valid("param").ref), 200),
  );
  app.openapi(
    remove,
    async (c) => {
      const force = c.req.valid("query").force === "true";
      const unpublish = (service: string) => backends.unpublish(service, true);
      const { ref } = c.req.valid("param");
      const progress = progressOf(c.req.raw, "services unpublished");
      return c.json(await networks.remove(ref, { progress, ...force && { unpublish } }), 200);
    },
  );
}

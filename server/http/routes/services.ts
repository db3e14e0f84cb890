/**
 * `/services`.
 *
 * @module
 */
import type { Backends } from "../../controllers/adopted/backends.ts";
import type { Networks } from "../../controllers/networks/networks.ts";
import type { Services } from "../../controllers/services/services.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, body, createRoute, errors, Force, Ref, z } from "./route.ts";

const one = { 200: answer("The service", schemas.Service), ...errors };

const list = createRoute({
  method: "get",
  path: "/services",
  summary: "List services",
  request: {
    query: z.object({
      network: z.string().max(256).optional().openapi({
        param: { name: "network", in: "query" },
      }),
    }),
  },
  responses: { 200: answer("Services, by creation", z.array(schemas.Service)), ...errors },
});

const publish = createRoute({
  method: "post",
  path: "/services",
  summary: "Publish a service",
  request: { body: body(schemas.PublishService) },
  responses: { 201: answer("The service", schemas.Service), ...errors },
});

const show = createRoute({
  method: "get",
  path: "/services/{ref}",
  summary: "Show a service",
  request: { params: Ref },
  responses: one,
});

const update = createRoute({
  method: "post",
  path: "/services/{ref}/update",
  summary: "Change a service",
  request: { params: Ref, body: body(schemas.UpdateService) },
  responses: one,
});

const unpublish = createRoute({
  method: "delete",
  path: "/services/{ref}",
  summary: "Unpublish a service",
  request: { params: Ref, query: Force },
  responses: { 200: answer("What was removed and cut", schemas.Removed), ...errors },
});

const attach = createRoute({
  method: "post",
  path: "/services/{ref}/attach",
  summary: "Attach a container to a service",
  request: { params: Ref, body: body(schemas.AttachService) },
  responses: one,
});

const detach = createRoute({
  method: "post",
  path: "/services/{ref}/detach",
  summary: "Detach a backend of a service",
  request: { params: Ref, body: body(schemas.DetachService) },
  responses: one,
});

export interface ServiceParts {
  services: Pick<Services, "list" | "publish" | "info" | "update">;
  networks: Pick<Networks, "find">;
  backends: Pick<Backends, "attach" | "detach" | "unpublish">;
}

export function serviceRoutes(app: App, { services, networks, backends }: ServiceParts): void {
  app.openapi(
    list,
    async (c) => {
      const { network } = c.req.valid("query");
      const of = network === undefined ? undefined : (await networks.find(network)).id;
      return c.json(await services.list(of), 200);
    },
  );
  app.openapi(
    publish,
    async (c) => c.json(await services.publish(c.req.valid("json")), 201),
  );
  app.openapi(
    show,
    async (c) => c.json(await services.info(c.req.valid("param").ref), 200),
  );
  app.openapi(
    update,
    async (c) => c.json(await services.update(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
  app.openapi(
    unpublish,
    async (c) => {
      const force = c.req.valid("query").force === "true";
      return c.json(await backends.unpublish(c.req.valid("param").ref, force), 200);
    },
  );
  app.openapi(
    attach,
    async (c) => c.json(await backends.attach(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
  app.openapi(
    detach,
    async (c) => c.json(await backends.detach(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
}

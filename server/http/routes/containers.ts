/**
 * `/containers`.
 *
 * @module
 */
import type { AnyContainer } from "../../controllers/adopted/any_container.ts";
import type { EngineRuns } from "../../controllers/adopted/engine_runs.ts";
import type { Containers } from "../../controllers/containers/containers.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, body, createRoute, errors, Force, Ref, z } from "./route.ts";

const one = answer("The container", schemas.Container);

const list = createRoute({
  method: "get",
  path: "/containers",
  summary: "List containers",
  responses: { 200: answer("Containers, by creation", z.array(schemas.Container)), ...errors },
});

const create = createRoute({
  method: "post",
  path: "/containers",
  summary: "Create a container",
  request: { body: body(schemas.CreateContainer) },
  responses: { 201: one, ...errors },
});

const expect = createRoute({
  method: "post",
  path: "/containers/expected",
  summary: "Attach an engine's container as soon as it starts",
  request: { body: body(schemas.CreateContainer) },
  responses: { 204: { description: "It can be attached, and is waited for" }, ...errors },
});

const show = createRoute({
  method: "get",
  path: "/containers/{ref}",
  summary: "Show a container",
  request: { params: Ref },
  responses: { 200: one, ...errors },
});

const remove = createRoute({
  method: "delete",
  path: "/containers/{ref}",
  summary: "Remove a container",
  request: { params: Ref, query: Force },
  responses: { 200: answer("What was removed and cut", schemas.Removed), ...errors },
});

const rename = createRoute({
  method: "post",
  path: "/containers/{ref}/rename",
  summary: "Rename a container, and the service of its own name",
  request: { params: Ref, body: body(schemas.RenameContainer) },
  responses: { 200: answer("The container", schemas.Container), ...errors },
});

export interface ContainerParts {
  containers: Pick<Containers, "list" | "create" | "info" | "rename">;
  adopted: { any: Pick<AnyContainer, "remove"> };
  engineRuns: Pick<EngineRuns, "create" | "expect">;
}

export function containerRoutes(
  app: App,
  { containers, adopted, engineRuns }: ContainerParts,
): void {
  app.openapi(
    list,
    (c) => c.json(containers.list(), 200),
  );
  app.openapi(
    create,
    async (c) => {
      const request = c.req.valid("json");
      const { foreign: reference } = request;
      return c.json(
        await (reference === undefined
          ? containers.create(request)
          : engineRuns.create(reference, request)),
        201,
      );
    },
  );
  app.openapi(
    expect,
    async (c) => {
      await engineRuns.expect(c.req.valid("json"));
      return c.body(null, 204);
    },
  );
  app.openapi(
    show,
    (c) => c.json(containers.info(c.req.valid("param").ref), 200),
  );
  app.openapi(
    remove,
    async (c) => {
      const force = c.req.valid("query").force === "true";
      return c.json(await adopted.any.remove(c.req.valid("param").ref, force), 200);
    },
  );
  app.openapi(
    rename,
    async (c) =>
      c.json(await containers.rename(c.req.valid("param").ref, c.req.valid("json").name), 200),
  );
}

/**
 * `/containers/{ref}/rename`.
 *
 * @module
 */
import type { Renames } from "../../controllers/containers/renames.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, body, createRoute, errors, Ref } from "./route.ts";

/** Adds the route. */
export function renameRoutes(app: App, renames: Renames): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/rename",
      summary: "Give a container another name, and the service that it is by itself",
      request: { params: Ref, body: body(schemas.RenameContainer) },
      responses: { 200: answer("The container", schemas.Container), ...errors },
    }),
    async (c) =>
      c.json(await renames.rename(c.req.valid("param").ref, c.req.valid("json").name), 200),
  );
}

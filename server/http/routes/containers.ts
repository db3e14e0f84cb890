/**
 * `/containers`.
 *
 * @module
 */
import type { Foreign } from "../../controllers/adopted/adopted.ts";
import type { Containers } from "../../controllers/containers/containers.ts";
import type { Processes } from "../../controllers/containers/processes.ts";
import { connectionOf } from "../listen/server.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import {
  answer,
  type App,
  body,
  createRoute,
  errors,
  Force,
  optionalBody,
  Ref,
  Since,
  textAnswer,
  z,
} from "./route.ts";

const Switch = (name: string) =>
  z.enum(["true", "false"]).optional().openapi({ param: { name, in: "query" } });

/** What is wanted of a log. */
const LogQuery = Since.extend({
  follow: Switch("follow"),
  timestamps: Switch("timestamps"),
  tail: z.string().regex(/^(all|\d{1,9})$/).optional().openapi({
    param: { name: "tail", in: "query" },
    description: "So many lines from the end, or all",
  }),
});

/** Adds the routes of containers. */
export function containerRoutes(app: App, containers: Containers, foreign: Foreign): void {
  const one = answer("The container", schemas.Container);
  app.openapi(
    createRoute({
      method: "get",
      path: "/containers",
      summary: "List containers",
      responses: { 200: answer("Containers, by creation", z.array(schemas.Container)), ...errors },
    }),
    (c) => c.json(containers.list(), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers",
      summary: "Create a container",
      request: { body: body(schemas.CreateContainer) },
      responses: { 201: one, ...errors },
    }),
    async (c) => {
      const request = c.req.valid("json");
      const { foreign: reference } = request;
      return c.json(
        await (reference === undefined
          ? containers.create(request)
          : foreign.create(reference, request)),
        201,
      );
    },
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/expected",
      summary: "Join a container of another program as soon as it is started: it is about to be",
      request: { body: body(schemas.CreateContainer) },
      responses: { 204: { description: "It can be joined, and is waited for" }, ...errors },
    }),
    async (c) => {
      await foreign.expect(c.req.valid("json"));
      return c.body(null, 204);
    },
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/containers/{ref}",
      summary: "Show a container",
      request: { params: Ref },
      responses: { 200: one, ...errors },
    }),
    (c) => c.json(containers.info(c.req.valid("param").ref), 200),
  );
  app.openapi(
    createRoute({
      method: "delete",
      path: "/containers/{ref}",
      summary: "Remove a container",
      request: { params: Ref, query: Force },
      responses: { 200: answer("What was removed and cut", schemas.Removed), ...errors },
    }),
    async (c) => {
      const force = c.req.valid("query").force === "true";
      return c.json(await containers.remove(c.req.valid("param").ref, force), 200);
    },
  );
}

/** Adds the routes of containers' processes. */
export function processRoutes(app: App, processes: Processes): void {
  const done = { 204: { description: "Done" }, ...errors };
  const plan = { 200: answer("What the client starts it with", schemas.LaunchSpec), ...errors };
  const container = { 200: answer("The container", schemas.Container), ...errors };
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/launch",
      summary: "Plan the start of a container's process by a client on the daemon's machine",
      request: { params: Ref, body: body(schemas.LaunchContainer) },
      responses: plan,
    }),
    async (c) => c.json(await processes.launch(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/start",
      summary: "Start a container's process, detached",
      request: { params: Ref },
      responses: container,
    }),
    async (c) => c.json(await processes.start(c.req.valid("param").ref), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/stop",
      summary: "Stop a container's process",
      request: { params: Ref, body: optionalBody(schemas.StopContainer) },
      responses: container,
    }),
    async (c) =>
      c.json(await processes.stop(c.req.valid("param").ref, c.req.valid("json") ?? {}), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/restart",
      summary: "Stop a container's process and start it again",
      request: { params: Ref, body: optionalBody(schemas.StopContainer) },
      responses: container,
    }),
    async (c) =>
      c.json(await processes.restart(c.req.valid("param").ref, c.req.valid("json") ?? {}), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/exec",
      summary: "Plan a further process in a container",
      request: { params: Ref, body: body(schemas.ExecSpec) },
      responses: plan,
    }),
    async (c) => c.json(await processes.exec(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/started",
      summary: "Tell which process a client started",
      request: { params: Ref, body: body(schemas.StartedProcess) },
      responses: container,
    }),
    async (c) =>
      c.json(await processes.started(c.req.valid("param").ref, c.req.valid("json").pid), 200),
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/exited",
      summary: "Tell how a client's process ended",
      request: { params: Ref, body: body(schemas.ExitedProcess) },
      responses: done,
    }),
    async (c) => {
      await processes.exited(c.req.valid("param").ref, c.req.valid("json").exitCode);
      return c.body(null, 204);
    },
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/kill",
      summary: "Send a signal to a container's process",
      request: { params: Ref, body: body(schemas.KillContainer) },
      responses: done,
    }),
    async (c) => {
      await processes.kill(c.req.valid("param").ref, c.req.valid("json"));
      return c.body(null, 204);
    },
  );
  app.openapi(
    createRoute({
      method: "post",
      path: "/containers/{ref}/wait",
      summary: "Wait for the end of a container's process, 25 s at most",
      request: { params: Ref },
      responses: { 200: answer("Whether it ended, and how", schemas.WaitResult), ...errors },
    }),
    async (c) => {
      connectionOf(c.req.raw)?.allowCut(c.req.raw);
      return c.json(await processes.wait(c.req.valid("param").ref), 200);
    },
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/containers/{ref}/logs",
      summary: "What a detached container has said, as far as it is kept",
      request: { params: Ref, query: LogQuery },
      responses: {
        200: textAnswer("Output, as it was said", "text/plain; charset=utf-8"),
        ...errors,
      },
    }),
    (c) => {
      const { follow, timestamps, tail = "all", since } = c.req.valid("query");
      const output = processes.log(c.req.valid("param").ref, {
        follow: follow === "true",
        timestamps: timestamps === "true",
        ...tail !== "all" && { tail: Number(tail) },
        ...since !== undefined && { since },
        signal: c.req.raw.signal,
      });
      return c.body(output, 200, { "content-type": "text/plain; charset=utf-8" });
    },
  );
}

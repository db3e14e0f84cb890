/**
 * The processes of `/containers`.
 *
 * @module
 */
import type { Processes } from "../../controllers/containers/processes/processes.ts";
import { connectionOf } from "../listen/connection.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import {
  answer,
  type App,
  body,
  createRoute,
  errors,
  optionalBody,
  Ref,
  Since,
  textAnswer,
  z,
} from "./route.ts";

const Switch = (name: string) =>
  z.enum(["true", "false"]).optional().openapi({ param: { name, in: "query" } });

/** Query parameters of a log. */
const LogQuery = Since.extend({
  follow: Switch("follow"),
  timestamps: Switch("timestamps"),
  tail: z.string().regex(/^(all|\d{1,9})$/).optional().openapi({
    param: { name: "tail", in: "query" },
    description: "So many lines from the end, or all",
  }),
});

const done = { 204: { description: "Done" }, ...errors };
const plan = { 200: answer("What the client starts it with", schemas.LaunchSpec), ...errors };
const container = { 200: answer("The container", schemas.Container), ...errors };

const launch = createRoute({
  method: "post",
  path: "/containers/{ref}/launch",
  summary: "Plan the start of a container's process by a client on the daemon's machine",
  request: { params: Ref, body: body(schemas.LaunchContainer) },
  responses: plan,
});

const start = createRoute({
  method: "post",
  path: "/containers/{ref}/start",
  summary: "Start a container's process, detached",
  request: { params: Ref },
  responses: container,
});

const stop = createRoute({
  method: "post",
  path: "/containers/{ref}/stop",
  summary: "Stop a container's process",
  request: { params: Ref, body: optionalBody(schemas.StopContainer) },
  responses: container,
});

const restart = createRoute({
  method: "post",
  path: "/containers/{ref}/restart",
  summary: "Stop a container's process and start it again",
  request: { params: Ref, body: optionalBody(schemas.StopContainer) },
  responses: container,
});

const exec = createRoute({
  method: "post",
  path: "/containers/{ref}/exec",
  summary: "Plan a further process in a container",
  request: { params: Ref, body: body(schemas.ExecSpec) },
  responses: plan,
});

const started = createRoute({
  method: "post",
  path: "/containers/{ref}/started",
  summary: "Report the process that a client started",
  request: { params: Ref, body: body(schemas.StartedProcess) },
  responses: container,
});

const exited = createRoute({
  method: "post",
  path: "/containers/{ref}/exited",
  summary: "Report how a client's process ended",
  request: { params: Ref, body: body(schemas.ExitedProcess) },
  responses: done,
});

const kill = createRoute({
  method: "post",
  path: "/containers/{ref}/kill",
  summary: "Send a signal to a container's process",
  request: { params: Ref, body: body(schemas.KillContainer) },
  responses: done,
});

const wait = createRoute({
  method: "post",
  path: "/containers/{ref}/wait",
  summary: "Wait for the end of a container's process, 25 s at most",
  request: { params: Ref },
  responses: { 200: answer("Whether it ended, and how", schemas.WaitResult), ...errors },
});

const logs = createRoute({
  method: "get",
  path: "/containers/{ref}/logs",
  summary: "Output of a detached container, as far as it is kept",
  request: { params: Ref, query: LogQuery },
  responses: {
    200: textAnswer("Output as it was written", "text/plain; charset=utf-8"),
    ...errors,
  },
});

export interface ProcessParts {
  processes: Pick<
    Processes,
    | "launch"
    | "start"
    | "stop"
    | "restart"
    | "exec"
    | "started"
    | "exited"
    | "kill"
    | "wait"
    | "log"
  >;
}

function watchRoutes(app: App, { processes }: ProcessParts): void {
  app.openapi(
    wait,
    async (c) => {
      connectionOf(c.req.raw)?.allowCut(c.req.raw);
      return c.json(await processes.wait(c.req.valid("param").ref), 200);
    },
  );
  app.openapi(
    logs,
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

export function processRoutes(app: App, { processes }: ProcessParts): void {
  app.openapi(
    launch,
    async (c) => c.json(await processes.launch(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
  app.openapi(
    start,
    async (c) => c.json(await processes.start(c.req.valid("param").ref), 200),
  );
  app.openapi(
    stop,
    async (c) =>
      c.json(await processes.stop(c.req.valid("param").ref, c.req.valid("json") ?? {}), 200),
  );
  app.openapi(
    restart,
    async (c) =>
      c.json(await processes.restart(c.req.valid("param").ref, c.req.valid("json") ?? {}), 200),
  );
  app.openapi(
    exec,
    async (c) => c.json(await processes.exec(c.req.valid("param").ref, c.req.valid("json")), 200),
  );
  app.openapi(
    started,
    async (c) =>
      c.json(await processes.started(c.req.valid("param").ref, c.req.valid("json").pid), 200),
  );
  app.openapi(
    exited,
    async (c) => {
      await processes.exited(c.req.valid("param").ref, c.req.valid("json").exitCode);
      return c.body(null, 204);
    },
  );
  app.openapi(
    kill,
    async (c) => {
      await processes.kill(c.req.valid("param").ref, c.req.valid("json"));
      return c.body(null, 204);
    },
  );
  watchRoutes(app, { processes });
}

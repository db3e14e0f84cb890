/**
 * The API: HTTP and nothing else. Routes call controllers; errors become problems in one place.
 *
 * @module
 */
import { HTTPException } from "@hono/hono/http-exception";
import { isUnreadable } from "../../lib/api/safely.ts";
import { bodyLimit } from "@hono/hono/body-limit";
import { OpenAPIHono } from "@hono/zod-openapi";
import { getLogger } from "@logtape/logtape";
import type { Containers } from "../controllers/containers/containers.ts";
import type { Foreign } from "../controllers/adopted/adopted.ts";
import type { Backends } from "../controllers/adopted/backends.ts";
import type { Hosts } from "../controllers/hosts/hosts.ts";
import type { Networks } from "../controllers/networks/networks.ts";
import type { Processes } from "../controllers/containers/processes.ts";
import type { Renames } from "../controllers/containers/renames.ts";
import type { Services } from "../controllers/services/services.ts";
import type { Doctor } from "../doctor/doctor.ts";
import { errorChain, NetsvcError, toNetsvcError } from "../../lib/api/errors.ts";
import { API_PREFIX, ownPath } from "../../lib/api/paths.ts";
import { STORE_AWAY_HEADER } from "../../lib/api/headers.ts";
import { inTime } from "./body.ts";
import { guard, type GuardOptions } from "./guard.ts";
import { correctOptionalFields } from "./optional_fields.ts";
import { problemResponse, schemaError } from "./problems.ts";
import { containerRoutes, processRoutes } from "./routes/containers.ts";
import { doctorRoutes } from "./routes/doctor.ts";
import { hostRoutes } from "./routes/hosts.ts";
import { renameRoutes } from "./routes/renames.ts";
import { networkRoutes } from "./routes/networks.ts";
import { serviceRoutes } from "./routes/services.ts";
import { type System, systemRoutes } from "./routes/system.ts";
import * as schemas from "../../lib/api/schemas/mod.ts";

const log = getLogger(["netsvc", "api"]);

/** Largest request body, in bytes. */
export const MAX_BODY = 1024 * 1024;

/** Another API at the same listeners, with errors of its own. */
export interface OtherApi {
  fetch(request: Request): Promise<Response>;
  /** The answer to a request that failed before it came there. */
  failure(error: unknown): Response;
}

/** What the API shows. */
export interface AppOptions extends System {
  networks: Networks;
  services: Services;
  backends: Backends;
  containers: Containers;
  foreign: Foreign;
  processes: Processes;
  renames: Renames;
  hosts: Hosts;
  doctor: Doctor;
  /** Answers what isn't under the prefix of netsvc's own API: Docker's. */
  docker: OtherApi;
  /** Who may write into the shared store besides the hosts; `undefined`: nobody, as far as is known. */
  storeExposure: string | undefined;
  /** For how long (in seconds) the shared store hasn't answered; `undefined`: it does. */
  storeAway: () => number | undefined;
}

/** The API for one listener. */
export function createApp(options: AppOptions, guardOptions: GuardOptions): OpenAPIHono {
  const app = new OpenAPIHono({
    getPath: (request) => {
      const { pathname } = new URL(request.url);
      return ownPath(pathname) ?? pathname;
    },
  });
  const isDockers = (path: string) => ownPath(path) === undefined;
  app.onError((error, c) => {
    const failure = toNetsvcError(error);
    // What a client sent amiss is its own affair.
    const amiss = (error instanceof HTTPException && error.status < 500) || isUnreadable(error);
    if (failure.status >= 500 && !amiss) {
      log.error("{cause}", { cause: errorChain(failure).join(": ") });
    }
    return isDockers(c.req.path) ? options.docker.failure(error) : problemResponse(error);
  });
  app.notFound((c) =>
    problemResponse(
      new NetsvcError(
        "not_found",
        `No such route: ${c.req.method} ${c.req.path}; the API is under ${API_PREFIX}`,
      ),
    )
  );
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    const route = c.req.routePath.startsWith("/*") ? "other" : c.req.routePath;
    options.metrics.request(c.req.method, route, c.res.status, performance.now() - start);
  });
  app.use(guard(guardOptions));
  // Before what follows: bodies that go on to the engine have any size and type.
  app.use(async (c, next) =>
    isDockers(c.req.path) ? await options.docker.fetch(c.req.raw) : await next()
  );
  app.use(async (c, next) => {
    await next();
    const away = options.storeAway();
    if (away !== undefined) c.res.headers.set(STORE_AWAY_HEADER, String(away));
  });
  app.use(bodyLimit({
    maxSize: MAX_BODY,
    onError: () => {
      throw new NetsvcError("too_large", `The body is larger than ${MAX_BODY} bytes`);
    },
  }));
  app.use(async (c, next) => {
    const { method, headers, body } = c.req.raw;
    const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
    const empty = body === null || headers.get("content-length") === "0";
    if (method === "POST" && !empty && type !== "application/json") {
      throw new NetsvcError(
        "unsupported_media_type",
        `The body must be application/json, not ${JSON.stringify(type ?? "nothing")}`,
      );
    }
    if (!empty) await inTime(c.req.arrayBuffer());
    await next();
  });
  const api = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw schemaError(result.error);
    },
  });
  networkRoutes(api, options.networks, options.backends);
  serviceRoutes(api, options);
  containerRoutes(api, options.containers, options.foreign);
  processRoutes(api, options.processes);
  renameRoutes(api, options.renames);
  hostRoutes(api, options.hosts, options.storeExposure);
  doctorRoutes(api, options.doctor);
  systemRoutes(api, options);
  app.route(API_PREFIX, api);
  app.get(`${API_PREFIX}/openapi.json`, (c) => {
    const document = app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "netsvc",
        version: options.version.version,
        description: "Networks and services as first-class objects",
      },
    });
    correctOptionalFields(document.components?.schemas ?? {}, schemas);
    return c.json(document);
  });
  return app;
}

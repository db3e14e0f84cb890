/**
 * The API of a listener: HTTP only. Routes call controllers; one handler turns errors into problems.
 *
 * @module
 */
import { HTTPException } from "@hono/hono/http-exception";
import { OpenAPIHono } from "@hono/zod-openapi";
import { getLogger } from "@logtape/logtape";
import { errorChain, NetsvcError, toNetsvcError } from "../../lib/api/errors.ts";
import { API_PREFIX, ownPath } from "../../lib/api/paths.ts";
import { isUnreadable } from "../../lib/api/safely.ts";
import { type ApiParts, createApi, documentOf } from "./api.ts";
import { guard, type GuardOptions } from "./guard.ts";
import type { Metrics } from "./metrics.ts";
import { problemResponse } from "./problems.ts";
import { aged, counted, json } from "./requests.ts";

const log = getLogger(["netsvc", "api"]);

/** Another API at the same listeners, with its own form of errors. */
export interface OtherApi {
  fetch(request: Request): Promise<Response>;
  /** The answer to a request that failed before it reached that API. */
  failure(error: unknown): Response;
}

export type AppOptions = ApiParts & {
  metrics: Pick<Metrics, "request">;
  /** Answers every path outside the prefix of netsvc's own API: Docker's API. */
  docker: OtherApi;
  /** For how long the shared store hasn't answered, in seconds; `undefined` while it answers. */
  storeAway: () => number | undefined;
};

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
    // A client's mistake is reported to the client, not logged as an error of the daemon.
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
  app.use(counted(options.metrics));
  app.use(guard(guardOptions));
  // Before the checks of bodies below: bodies forwarded to the engine may have any size and type.
  app.use(async (c, next) =>
    isDockers(c.req.path) ? await options.docker.fetch(c.req.raw) : await next()
  );
  app.use(aged(options.storeAway));
  app.use(json);
  app.route(API_PREFIX, createApi(options));
  app.get(
    `${API_PREFIX}/openapi.json`,
    (c) => c.json(documentOf(app, options.version.version)),
  );
  return app;
}

/**
 * What is asked of every request before a route sees it, and what every answer says.
 *
 * @module
 */
import type { MiddlewareHandler } from "@hono/hono";
import { bodyLimit } from "@hono/hono/body-limit";
import { NetsvcError } from "../../lib/api/errors.ts";
import { STORE_AWAY_HEADER } from "../../lib/api/headers.ts";
import { inTime } from "./body.ts";
import type { Metrics } from "./metrics.ts";

/** Largest request body, in bytes. */
export const MAX_BODY = 1024 * 1024;

/** Counts each request with how long it took. */
export function counted(metrics: Pick<Metrics, "request">): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now();
    await next();
    const route = c.req.routePath.startsWith("/*") ? "other" : c.req.routePath;
    metrics.request(c.req.method, route, c.res.status, performance.now() - start);
  };
}

/** Says for how long the store has not answered. */
export function aged(storeAway: () => number | undefined): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const away = storeAway();
    if (away !== undefined) c.res.headers.set(STORE_AWAY_HEADER, String(away));
  };
}

/** Refuses bodies that are too large. */
export const limited: MiddlewareHandler = bodyLimit({
  maxSize: MAX_BODY,
  onError: () => {
    throw new NetsvcError("too_large", `The body is larger than ${MAX_BODY} bytes`);
  },
});

/** Refuses bodies that aren't JSON, and those that don't come. */
export const json: MiddlewareHandler = async (c, next) => {
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
};

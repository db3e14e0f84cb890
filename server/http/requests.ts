/**
 * Middleware for every request before a route handles it, and for every answer.
 *
 * @module
 */
import type { MiddlewareHandler } from "@hono/hono";
import { NetsvcError } from "../../lib/api/errors.ts";
import { STORE_AWAY_HEADER } from "../../lib/api/headers.ts";
import { readBody } from "./body.ts";
import type { Metrics } from "./metrics.ts";

/** Counts each request and its duration. */
export function counted(metrics: Pick<Metrics, "request">): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now();
    await next();
    const route = c.req.routePath.startsWith("/*") ? "other" : c.req.routePath;
    metrics.request(c.req.method, route, c.res.status, performance.now() - start);
  };
}

/** Adds a header that says for how long the store has not answered. */
export function aged(storeAway: () => number | undefined): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const away = storeAway();
    if (away !== undefined) c.res.headers.set(STORE_AWAY_HEADER, String(away));
  };
}

/** Refuses bodies that aren't JSON, and those that don't arrive in time. */
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
  // Where the routes' validators look for it.
  if (!empty) {
    const { buffer } = await readBody(c.req.raw);
    Object.assign(c.req.bodyCache, { arrayBuffer: Promise.resolve(buffer) });
  }
  await next();
};

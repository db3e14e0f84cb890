/**
 * `/version`, `/events`, `/healthz`, `/metrics`.
 *
 * @module
 */
import type { Metrics } from "../metrics.ts";
import type { VersionInfo } from "../../../lib/api/types.ts";
import type { EventLog } from "../events.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, createRoute, errors, Since, textAnswer } from "./route.ts";

/** Interval between comments, which make a dead listener's connection fail, in milliseconds. */
const KEEP_ALIVE_MS = 15_000;

export interface SystemParts {
  events: Pick<EventLog, "stream">;
  metrics: Pick<Metrics, "scrape">;
  version: VersionInfo;
}

function serverSentEvents(
  events: SystemParts["events"],
  signal: AbortSignal,
  since: number | undefined,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: number | undefined;
  return events.stream(signal, since).pipeThrough(
    new TransformStream({
      start(controller) {
        controller.enqueue(encoder.encode(": netsvc\n\n"));
        timer = setInterval(
          () => controller.enqueue(encoder.encode(": still here\n\n")),
          KEEP_ALIVE_MS,
        );
        signal.addEventListener("abort", () => clearInterval(timer), { once: true });
      },
      transform(event, controller) {
        const name = `${event.type}.${event.action}`;
        controller.enqueue(encoder.encode(`event: ${name}\ndata: ${JSON.stringify(event)}\n\n`));
      },
      flush: () => clearInterval(timer),
      cancel: () => clearInterval(timer),
    }),
  );
}

export function systemRoutes(app: App, { events, metrics, version }: SystemParts): void {
  app.openAPIRegistry.register("NetsvcEvent", schemas.NetsvcEvent);
  const text = (description: string, type: string) => ({
    200: textAnswer(description, type),
    ...errors,
  });
  app.openapi(
    createRoute({
      method: "get",
      path: "/version",
      summary: "Versions",
      responses: { 200: answer("Versions", schemas.VersionInfo), ...errors },
    }),
    (c) => c.json(version, 200),
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/healthz",
      summary: "Whether the daemon serves",
      responses: text("It serves", "text/plain"),
    }),
    (c) => c.text("ok\n", 200),
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/metrics",
      summary: "Metrics in Prometheus's text format",
      responses: text("Metrics", "text/plain"),
    }),
    async (c) => {
      const { text, contentType } = await metrics.scrape();
      return c.body(text, 200, { "content-type": contentType });
    },
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/events",
      summary: "Events as they happen (server-sent events)",
      request: { query: Since },
      responses: text("Events; the data of each is a NetsvcEvent", "text/event-stream"),
    }),
    (c) =>
      c.body(serverSentEvents(events, c.req.raw.signal, c.req.valid("query").since), 200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
      }),
  );
}

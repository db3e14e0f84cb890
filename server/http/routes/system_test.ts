import assert from "node:assert/strict";
import type { NetsvcEvent } from "../../../lib/api/types.ts";
import { apiOf } from "../../../tests/harness/app.ts";
import { Metrics } from "../metrics.ts";

Deno.test("the daemon tells its version, that it serves, and what it counted", async () => {
  const metrics = new Metrics();
  const ask = apiOf({ metrics });
  assert.deepEqual((await ask("GET", "/version")).body, { version: "1.2.3" });
  assert.equal((await ask("GET", "/healthz")).body, "ok\n");
  assert.equal((await ask("GET", "/nothing")).status, 404);
  const { body, headers } = await ask("GET", "/metrics");
  assert.match(headers.get("content-type")!, /^text\/plain/);
  const count = (route: string, status: number) =>
    body.includes(
      `netsvc_http_request_duration_seconds_count{method="GET",route="${route}",status="${status}"} 1`,
    );
  assert.ok(count("/netsvc/v1/healthz", 200), body);
  assert.ok(count("other", 404), body);
});

Deno.test("events are sent as they happen, also those from a time on", async () => {
  const event: NetsvcEvent = {
    type: "network",
    action: "create",
    id: "i",
    name: "foo",
    time: "2026-01-02T03:04:05.678Z",
    attributes: {},
  };
  const asked: unknown[] = [];
  const ask = apiOf({
    events: {
      stream: (signal: AbortSignal, since?: number) => {
        assert.ok(signal instanceof AbortSignal);
        asked.push(since);
        return ReadableStream.from([event]);
      },
    },
  });
  const { body, headers } = await ask("GET", "/events?since=5");
  assert.equal(headers.get("content-type"), "text/event-stream");
  assert.equal(
    body,
    `: netsvc\n\nevent: network.create\ndata: ${JSON.stringify(event)}\n\n`,
  );
  await ask("GET", "/events");
  assert.deepEqual(asked, [5, undefined]);
  assert.equal((await ask("GET", "/events?since=-1")).status, 400);
});

import assert from "node:assert/strict";
import { Metrics } from "./metrics.ts";

Deno.test("what is counted before somebody asks is in the first scrape, and what comes after it in the next", async () => {
  const metrics = new Metrics();
  let networks = 1;
  const none = () => 0;
  metrics.watch({
    networks: () => networks,
    ...{ services: none, attachedServices: none, containers: none, sandboxes: none },
  });
  for (let i = 0; i < 3; i++) metrics.tool("ip", 1);
  metrics.request("GET", "/x", 200, 1);
  const { text, contentType } = await metrics.scrape();
  assert.match(contentType, /^text\/plain/);
  assert.match(text, /netsvc_networks 1\n/);
  assert.match(text, /netsvc_tool_duration_seconds_count\{tool="ip"\} 3\n/);
  assert.match(text, /method="GET",route="\/x",status="200"\} 1\n/);
  metrics.tool("ip", 1);
  networks = 2;
  const later = (await metrics.scrape()).text;
  assert.match(later, /netsvc_networks 2\n/);
  assert.match(later, /netsvc_tool_duration_seconds_count\{tool="ip"\} 4\n/);
});

Deno.test("nothing that is counted is lost where nobody asks for long", async () => {
  const metrics = new Metrics();
  for (let i = 0; i < 2_500; i++) metrics.tool("ip", 1);
  const { text } = await metrics.scrape();
  assert.match(text, /netsvc_tool_duration_seconds_count\{tool="ip"\} 2500\n/);
});

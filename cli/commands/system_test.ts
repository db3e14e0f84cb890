import assert from "node:assert/strict";
import { commandLine } from "../../tests/harness/command_line.ts";

Deno.test("--version needs no daemon", async () => {
  const { asked, stdout, code } = await commandLine(["--version"], () => null);
  assert.deepEqual(asked, []);
  assert.match(stdout, /^netsvc version \d+\.\d+\.\d+\n$/);
  assert.equal(code, 0);
});

Deno.test("events are asked for with their filters, and end with the stream", async () => {
  const { asked } = await commandLine(
    ["events"],
    () => new Response("", { headers: { "content-type": "text/event-stream" } }),
  );
  assert.match(asked[0]!.what, /^GET \/events/);
});

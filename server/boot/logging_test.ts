import assert from "node:assert/strict";
import { formatRecord } from "./logging.ts";

function line(...message: unknown[]): string {
  return formatRecord({
    ...{ category: ["netsvc", "cluster"], level: "info", message, rawMessage: "", properties: {} },
    timestamp: 0,
  });
}

Deno.test("no text makes a second line of the log, nor moves a terminal", () => {
  const forged =
    "x\n2026-11-29T00:00:00.000Z info    cluster: Host evil joined\r\x1b[2K\u2028\u0085\u202e";
  for (const text of [line("Host ", forged, " joined"), line("Host ", new Error(forged), "")]) {
    assert.doesNotMatch(text, /[\p{Cc}\u2028\u202e]/u);
    assert.match(text, /x(\\n|; )2026/);
    assert.match(text, /\\u001b\[2K\\u2028\\u0085\\u202e/);
  }
  assert.equal(
    line("Host ", "höst", " joined"),
    "1970-01-01T00:00:00.000Z info    cluster: Host höst joined",
  );
});

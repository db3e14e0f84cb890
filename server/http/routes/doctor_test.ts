import assert from "node:assert/strict";
import type { DoctorLine } from "../../../lib/api/types.ts";
import { apiOf } from "../../../tests/harness/app.ts";

Deno.test("findings come as lines of JSON", async () => {
  const lines: DoctorLine[] = [
    { checking: "tools" },
    { check: "tools", status: "ok", message: "All are there" },
  ];
  const ask = apiOf({
    doctor: {
      run: (tell: (line: DoctorLine) => void) => {
        lines.forEach(tell);
        return Promise.resolve();
      },
    },
  });
  const { body, headers } = await ask("GET", "/doctor");
  assert.equal(headers.get("content-type"), "application/x-ndjson");
  assert.equal(headers.get("cache-control"), "no-store");
  assert.equal(body, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
});

import assert from "node:assert/strict";
import { changeLines } from "./lines.ts";

const body = (...pieces: string[]) =>
  ReadableStream.from(pieces.map((text) => new TextEncoder().encode(text)));
const changed = async (change: (line: string) => string | undefined, ...pieces: string[]) =>
  await new Response(changeLines(body(...pieces), change)).text();

Deno.test("lines are changed or left out, however they come; the last may have no end", async () => {
  const change = (line: string) => line === "drop" ? undefined : line.toUpperCase();
  assert.equal(await changed(change, "on", "e\ndr", "op\n\nlast"), "ONE\n\nLAST");
});

Deno.test("a character that comes in two pieces is one", async () => {
  const bytes = new TextEncoder().encode("ä\n");
  const stream = ReadableStream.from([bytes.slice(0, 1), bytes.slice(1)]);
  assert.equal(await new Response(changeLines(stream, (line) => line)).text(), "ä\n");
});

Deno.test("a line without end is an error, not memory", async () => {
  const endless = Array.from({ length: 20 }, () => "x".repeat(100_000));
  await assert.rejects(changed((line) => line, ...endless), /too long/);
});

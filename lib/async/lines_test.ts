import assert from "node:assert/strict";
import { lines, type LinesOptions, LineSplitter } from "./lines.ts";

/** What a splitter makes of pieces. */
function split(pieces: string[], options?: LinesOptions): [lines: string[], rest?: string] {
  const splitter = new LineSplitter(options);
  const all = pieces.flatMap((piece) => splitter.push(piece));
  const rest = splitter.end();
  return rest === undefined ? [all] : [all, rest];
}

Deno.test("lines are put together from any pieces", () => {
  const text = "one\n\ntwo\nthree";
  for (let size = 1; size <= text.length; size++) {
    const pieces = Array.from(
      { length: Math.ceil(text.length / size) },
      (_, i) => text.slice(i * size, (i + 1) * size),
    );
    assert.deepEqual(split(pieces), [["one", "", "two"], "three"]);
  }
  assert.deepEqual(split(["whole\n"]), [["whole"]]);
  assert.deepEqual(split([]), [[]]);
});

Deno.test("a separator of two characters may come in two pieces", () => {
  assert.deepEqual(split(["a\n", "\nb\n", "c\n\n"], { separator: "\n\n" }), [["a", "b\nc"]]);
});

Deno.test("a line that is too long is left out, however it comes", () => {
  const text = "one\ntoo long for this\ntwo\n";
  for (let size = 1; size <= text.length; size++) {
    const pieces = Array.from(
      { length: Math.ceil(text.length / size) },
      (_, i) => text.slice(i * size, (i + 1) * size),
    );
    assert.deepEqual(split(pieces, { longest: 5 }), [["one", "two"]]);
  }
  assert.deepEqual(split(["a\n\ntoo long", "\n", "\nb\n\n"], { longest: 3, separator: "\n\n" }), [[
    "a",
    "b",
  ]]);
});

Deno.test("a line that is too long may end all", () => {
  const options = { longest: 3, tooLong: () => new Error("too long") };
  assert.throws(() => split(["long"], options), /too long/);
  assert.throws(() => split(["a\nlong\n"], options), /too long/);
  assert.deepEqual(split(["a\nabc"], options), [["a"], "abc"]);
});

Deno.test("lines() decodes characters that come in two pieces", async () => {
  const bytes = new TextEncoder().encode("ä\nö\nrest");
  const found: string[] = [];
  const pieces = [bytes.slice(0, 1), bytes.slice(1, 4), bytes.slice(4)];
  for await (const line of lines(ReadableStream.from(pieces))) found.push(line);
  assert.deepEqual(found, ["ä", "ö"]);
});

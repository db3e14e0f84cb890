import assert from "node:assert/strict";
import { printable } from "./printable.ts";

Deno.test("a label can't move the cursor, colour the terminal or make a line of its own", () => {
  assert.equal(printable("a\x1b[31mred\x07\r\nb\u009b2J"), "a [31mred b 2J");
  assert.equal(printable("plain – ä 漢"), "plain – ä 漢");
});

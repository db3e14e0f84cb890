import assert from "node:assert/strict";
import { formatTable } from "./table.ts";

Deno.test("columns have 20 characters at least, and three blanks behind what is longer", () => {
  const long = "x".repeat(25);
  assert.equal(
    formatTable([["NAME", "ID", "LAST"], ["a", long, "z"]]),
    `NAME                ID${" ".repeat(26)}LAST\na                   ${long}   z\n`,
  );
});

Deno.test("columns beyond the wide ones are as wide as they must, and no line ends in blanks", () => {
  assert.equal(
    formatTable([["A", "B", "C"], ["1", "2", ""]], 1),
    "A                   B   C\n1                   2\n",
  );
  assert.equal(formatTable([]), "");
});

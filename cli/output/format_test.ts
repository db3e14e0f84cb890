import assert from "node:assert/strict";
import { checkFormat } from "./format.ts";

Deno.test("a format is a known word or a template; anything else is a mistake, and said", () => {
  const options = { command: "network ls", words: ["", "json", "table"] };
  for (const format of ["", "json", "{{.Name}}", "x {{.Name}}"]) checkFormat(format, options);
  assert.throws(
    () => checkFormat("jsno", options),
    /Unknown format "jsno"; use .*"json".*'\{\{\.Name\}\}'/,
  );
});

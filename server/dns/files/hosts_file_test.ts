import assert from "node:assert/strict";
import { hostsFile } from "./hosts_file.ts";

Deno.test("a container's hosts(5) has itself in both families, and a name even without an address", () => {
  const text = hostsFile("web", ["10.0.0.2", "fd00::2"]);
  assert.match(text, /^10\.0\.0\.2\tweb$/m);
  assert.match(text, /^fd00::2\tweb$/m);
  assert.match(text, /^127\.0\.0\.1\tlocalhost$/m);
  assert.ok(text.endsWith("\n"));
  assert.match(hostsFile("alone", []), /^127\.0\.1\.1\talone$/m);
});

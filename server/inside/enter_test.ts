import assert from "node:assert/strict";
import { rootOutside } from "./enter.ts";

Deno.test("rootOutside() is who is 0 inside, else the process's own user", () => {
  assert.equal(rootOutside("         0          0 4294967295\n", 7), 0);
  assert.equal(rootOutside("         0      65534          1\n", 7), 65534);
  assert.equal(
    rootOutside("      1000       5000          1\n         0     100000      65536\n", 7),
    100000,
  );
  assert.equal(rootOutside("      1000       5000          1\n", 5000), 5000);
  assert.equal(rootOutside("", 7), 7);
});

import assert from "node:assert/strict";
import { strayMembers } from "./members.ts";

Deno.test("strayMembers() names links of members that nobody wants, and no others", () => {
  const links = ["lo", "br0", "vxlan0", "nsv000000000001", "nsv000000000002", "eth0"];
  assert.deepEqual(
    strayMembers(links.map((ifname) => ({ ifname })), new Set(["nsv000000000001"])),
    ["nsv000000000002"],
  );
});

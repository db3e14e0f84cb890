import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";
import type { HostRecord } from "../../model/records.ts";
import { Hosts } from "./hosts.ts";

const SELF: HostRecord = {
  id: "a".repeat(64),
  name: "one",
  overlayPort: 4789,
  version: "0.1.0",
  started: "2026-01-01T00:00:00.000Z",
};

async function subject() {
  const all = await controllerSubject();
  const context = { ...all.context, hostId: SELF.id };
  return { all, hosts: new Hosts(context, () => SELF) };
}

Deno.test("this host is there and alive, whatever the store says of it", async () => {
  const { all, hosts } = await subject();
  await using _ = all;
  const [one, ...more] = await hosts.list();
  assert.deepEqual(more, []);
  assert.equal(one!.self, true);
  assert.equal(one!.status, "up");
});

Deno.test("a host that lives isn't forgotten", async () => {
  const { all, hosts } = await subject();
  await using _ = all;
  await assert.rejects(hosts.remove("one"), {
    code: "in_use",
    message: /it is alive; stop its daemon first/,
  });
  await assert.rejects(hosts.remove("none"), { code: "not_found", message: /netsvc host ls/ });
});

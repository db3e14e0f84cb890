import assert from "node:assert/strict";
import { openStore } from "../../kv/open.ts";
import { servicePuts } from "../../tests/harness/service_puts.ts";
import { keys } from "../model/keys.ts";
import type { ServiceRecord } from "../model/records.ts";
import { serviceRecords } from "../model/repository/services.ts";
import { together } from "../model/transaction.ts";
import { hostedHere } from "./cluster.ts";

Deno.test("a backend is taken over from a host that is gone, not from one that is back", async () => {
  const stateDir = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  await using store = await openStore("local:", { stateDir });
  const memberPut = (network: string) => ({ key: keys.member(network, "here"), value: "{}" });
  const backend = { container: "c", hostId: "there", interface: "eth0", attached: "" };
  const before = {
    ...{ id: "s", name: "db", network: "n", created: "", mode: "single", mac: "m" },
    ...{ addresses: [], aliases: [], ports: [], backend },
  } as unknown as ServiceRecord;
  const member = keys.member("n", "there");
  await store.commit({
    puts: [
      ...servicePuts(before),
      { key: keys.backend("there", "n", "s"), value: '"db"' },
      { key: member, value: "{}" },
    ],
  });
  const attach = async () => {
    const stored = (await serviceRecords.get(store, "n", "s"))!;
    const next = { ...before, backend: { ...before.backend!, hostId: "here" } };
    return await store.commit(together(
      serviceRecords.replace(stored, next, { scope: "global" }),
      hostedHere({ membership: { memberPut }, hostId: "here" }, stored.record),
    ));
  };
  assert.deepEqual(await attach(), { ok: false, failed: member });
  assert.ok(await store.get(keys.backend("there", "n", "s")));
  await store.commit({ deletes: [member] });
  assert.ok((await attach()).ok);
  assert.equal(await store.get(keys.backend("there", "n", "s")), undefined);
  assert.ok(await store.get(keys.backend("here", "n", "s")));
  // What this host or nobody had before is nobody's to be back.
  for (const hostId of [undefined, "here"]) {
    const service = { ...before, backend: hostId && { ...backend, hostId } } as ServiceRecord;
    assert.deepEqual(hostedHere({ membership: { memberPut }, hostId: "here" }, service).checks, []);
  }
  await Deno.remove(stateDir, { recursive: true });
});

import assert from "node:assert/strict";
import { openMirror } from "../../../tests/harness/cuttable_store.ts";
import { backedService, containerPut, networkPut } from "../../../tests/harness/host_puts.ts";
import { servicePuts } from "../../../tests/harness/service_puts.ts";
import { State } from "../../model/state.ts";
import { Names } from "./names.ts";
import { Views } from "./views.ts";

Deno.test("views follow the state: a network's zone changes in place, and who has changed is told", async () => {
  await using stack = new AsyncDisposableStack();
  const local = await openMirror(stack);
  const state = new State(local, local, { hostId: "here" });
  stack.defer(() => state.close());
  const views = new Views(state);
  const names = new Names();
  names.apply(views.all());
  views.changes.subscribe((changes) => names.apply(changes));
  const told: string[][] = [];
  views.changed.subscribe((ids) => told.push([...ids].sort()));
  await local.commit({ puts: [networkPut("a"), networkPut("b")] });
  assert.deepEqual(told, []);
  const web = backedService("a", "web", "10.0.0.1");
  const db = backedService("a", "db", "10.0.0.2");
  const far = backedService("b", "far", "10.1.0.1");
  await local.commit({
    puts: [...["web", "db", "far"].map(containerPut), ...[web, db, far].flatMap(servicePuts)],
  });
  // Three services in one change are told once.
  assert.deepEqual(told.splice(0), [["db", "far", "web"]]);
  assert.deepEqual(names.view("web").networks.map(({ name }) => name), ["a"]);
  assert.deepEqual(names.view("nobody").networks, []);
  const view = names.view("web");
  const zone = view.networks[0]!;
  assert.equal(names.view("db").networks[0], zone, "a network has one zone");
  const { version } = zone;
  await local.commit({ puts: servicePuts(backedService("b", "far", "10.1.0.2")) });
  assert.deepEqual(told.splice(0), [["far"]]);
  assert.equal(zone.version, version, "nothing of it has changed");
  await local.commit({ puts: servicePuts({ ...web, aliases: ["www"] }) });
  assert.deepEqual(told.splice(0), [["web"]], "the others see it without being told");
  assert.equal(names.view("db").networks[0], zone);
  assert.deepEqual(zone.targets("www")?.map(({ fqdn }) => fqdn), ["web.a"]);
  assert.ok(zone.version > version);
});

import assert from "node:assert/strict";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { TinyEngine } from "../../../tests/harness/tiny_engine.ts";
import { Docker } from "../../engines/docker/docker.ts";
import { Mirror } from "../../model/mirror.ts";
import { State } from "../../model/state.ts";
import { Desired } from "../adopted/desired.ts";
import { LABEL, labelKey, Labels, parseOldLabel, writeLabel } from "./labels.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const WANTED = {
  mode: "foo",
  endpoints: [{ network: "n", name: "foo", aliases: [], links: [], ips: [] }],
};

async function subject() {
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(new TinyEngine());
  const { store } = stack.use(await CuttableStore.open());
  const local = stack.adopt(await Mirror.open(store), (opened) => opened.close());
  const state = new State(local, local, { hostId: "self" });
  stack.defer(() => state.close());
  const docker = stack.use(new Docker(engine.socket));
  const desired = new Desired(local);
  const rest = stack.move();
  return {
    ...{ engine, docker, desired, labels: () => new Labels(docker, desired, state) },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

Deno.test("labels of others say nothing", () => {
  for (const text of [undefined, "", "x", "{}", '{"mode":1,"endpoints":[]}']) {
    assert.equal(parseOldLabel(text), undefined);
    assert.equal(labelKey(text), undefined);
  }
  const key = "0123456789abcdef".repeat(2);
  assert.equal(labelKey(writeLabel(key, { mode: "x", endpoints: [] })), key);
});

Deno.test("a container whose making wasn't seen has what was announced; a copy of its label has nothing", async () => {
  await using all = await subject();
  const { engine, desired } = all;
  const key = await desired.announce(WANTED);
  const labels = { [LABEL]: writeLabel(key, WANTED) };
  engine.containers.push({ id: A, name: "web", labels }, { id: B, name: "copy", labels });
  await all.labels().adopt();
  assert.deepEqual([desired.networks(A), desired.networks(B)], [WANTED, undefined]);
  assert.deepEqual(desired.unclaimed(), []);
});

Deno.test("what was announced for a container that was never made is withdrawn", async () => {
  await using all = await subject();
  await all.desired.announce(WANTED);
  const labels = all.labels();
  await labels.adopt();
  assert.deepEqual(all.desired.unclaimed(), []);
  const before = all.engine.asked.length;
  await labels.adopt();
  assert.equal(all.engine.asked.length, before, "once");
});

Deno.test("a label without a key counts where it isn't the image's, and only until labels were read", async () => {
  await using all = await subject();
  const { engine, desired } = all;
  const label = JSON.stringify(WANTED);
  engine.images.own = {};
  engine.images.wicked = { [LABEL]: label };
  engine.containers.push(
    { id: A, name: "web", labels: { [LABEL]: label }, image: "own" },
    { id: B, name: "trap", labels: { [LABEL]: label }, image: "wicked" },
  );
  await all.labels().adopt();
  assert.deepEqual([desired.networks(A), desired.networks(B)], [WANTED, undefined]);
  await desired.forget(A);
  await all.labels().adopt();
  assert.equal(desired.networks(A), undefined);
});

import assert from "node:assert/strict";
import { until } from "../../../kv/testing/case.ts";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { Mirror } from "../mirror.ts";
import { Snapshot } from "./snapshot.ts";

/** A mirror of two prefixes, and a path for its snapshot. */
async function subject() {
  await using stack = new AsyncDisposableStack();
  const { store } = stack.use(await CuttableStore.open());
  const mirror = new Mirror(store);
  await mirror.follow("a/");
  await mirror.follow("b/");
  stack.defer(() => mirror.close());
  const directory = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
  stack.defer(() => Deno.removeSync(directory, { recursive: true }));
  const rest = stack.move();
  const path = `${directory}/shared.json`;
  return { mirror, path, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("close() writes what isn't written yet; read() has it by prefix", async () => {
  await using all = await subject();
  const { mirror, path } = all;
  const snapshot = new Snapshot(path, "etcd:h:1", mirror);
  assert.deepEqual(snapshot.read(), new Map());
  await mirror.commit({ puts: [{ key: "a/1", value: "é" }, { key: "b/1/x", value: "2" }] });
  await snapshot.close();
  const again = new Snapshot(path, "etcd:h:1", mirror);
  const expected = ["a/", "b/"].map((prefix) => [prefix, mirror.list(prefix)] as const);
  assert.deepEqual(again.read(), new Map(expected));
  await again.close();
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
});

Deno.test("a change is written by itself, whole, and a burst of them together", async () => {
  await using all = await subject();
  const { mirror, path } = all;
  const snapshot = new Snapshot(path, "etcd:h:1", mirror);
  for (let i = 0; i < 50; i++) await mirror.commit({ puts: [{ key: "a/k", value: `${i}` }] });
  const value = () => snapshot.read().get("a/")?.[0]?.value;
  await until(() => Promise.resolve(value() === "49"), "the last change is written");
  await snapshot.close();
  assert.deepEqual([...Deno.readDirSync(path.replace(/\/[^/]+$/, ""))].map(({ name }) => name), [
    "shared.json",
  ]);
});

Deno.test("read() takes nothing of another store, nor of a broken file", async () => {
  await using all = await subject();
  const { mirror, path } = all;
  const snapshot = new Snapshot(path, "etcd:h:1", mirror);
  await mirror.commit({ puts: [{ key: "a/1", value: "1" }] });
  await snapshot.close();
  const other = new Snapshot(path, "etcd:other:1", mirror);
  assert.equal(other.read().size, 0);
  for (const text of ["", "{", "null", "[]", '{"store":"etcd:other:1"}']) {
    Deno.writeTextFileSync(path, text);
    assert.equal(other.read().size, 0, text);
  }
  await other.close();
});

Deno.test("a snapshot that can't be written is no end", async () => {
  await using all = await subject();
  const { mirror, path } = all;
  const snapshot = new Snapshot(`${path}/no/such/directory`, "etcd:h:1", mirror);
  await mirror.commit({ puts: [{ key: "a/1", value: "1" }] });
  await snapshot.close();
});

import assert from "node:assert/strict";
import { libc, readFileSync } from "../../lib/linux/libc.ts";
import { NamespaceStore } from "./netns.ts";

libc(); // Loaded once, for all tests.

const id = (n: number) => String(n).padStart(64, "0");
const many = Array.from({ length: 20 }, (_, n) => n);

Deno.test("namespaces that are removed at once are all unpinned, and one that can't be says so alone", async () => {
  const runDir = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const mounts = () =>
    readFileSync("/proc/self/mountinfo").split("\n").filter((line) => line.includes(runDir)).length;
  try {
    const store = await NamespaceStore.open(runDir);
    for (const n of many) await store.create(id(n));
    assert.equal(store.list().length, 20);
    assert.ok(many.every((n) => store.alive(id(n))));
    // Pinned twice, as a crash leaves it.
    await store.adopt(id(20), store.path(id(0)));
    // Something that netsvc didn't put there.
    await Deno.mkdir(`${store.directory}/${id(21)}/inside`, { recursive: true });
    const outcomes = await Promise.allSettled(
      [...many, 20, 21, 22].map((n) => store.remove(id(n))),
    );
    assert.deepEqual(
      outcomes.flatMap(({ status }, n) => status === "rejected" ? [n] : []),
      [21],
    );
    assert.deepEqual(store.list(), [id(21)]);
    await Deno.remove(`${store.directory}/${id(21)}`, { recursive: true });
    // The last one takes the directory's mount with it.
    await Promise.all([store.create(id(1)), store.create(id(2))]);
    await Promise.all([store.remove(id(1)), store.remove(id(2))]);
    assert.deepEqual(store.list(), []);
    assert.equal(mounts(), 0);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});

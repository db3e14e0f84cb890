import assert from "node:assert/strict";
import { Layout } from "./layout.ts";
import { planTransaction } from "./plan.ts";
import type { State } from "./state.ts";

const layout = new Layout("x");

function state(nodes: Record<string, number>, fence = 3): State {
  const all = Object.entries(nodes);
  return {
    nodes: new Map(
      all.map(([key, version]) => [key, { value: "", version, revision: "1", dead: false }]),
    ),
    fences: new Map(["a", "b", "c"].map((key) => [layout.fence(key), fence])),
    head: "1",
  };
}

const kinds = (operations: { type: string; path: string }[]) =>
  operations.map(({ type, path }) => `${type} ${path.replace(/-.*/, "")}`);

Deno.test("a creation moves its key's fence, and is told by the key that was taken", () => {
  const { operations, creations } = planTransaction(layout, { puts: [{ key: "a", value: "1" }] });
  assert.deepEqual(kinds(operations), [
    "create /x/e/%/a",
    `set ${layout.fence("a")}`,
    "set /x/head",
    "create /x/l/n",
  ]);
  assert.deepEqual([...creations], [[0, "a"]]);
});

Deno.test("what is there is set in the version in which it was read", () => {
  const { operations } = planTransaction(
    layout,
    { puts: [{ key: "a", value: "1" }] },
    state({ a: 7 }),
  );
  assert.deepEqual(operations.slice(0, 2).map((one) => "version" in one && one.version), [7, 3]);
  assert.equal(operations[1]!.type, "check");
});

Deno.test("a deletion of what isn't there deletes and records nothing, but holds its fence", () => {
  const { operations } = planTransaction(layout, { deletes: ["b"] }, state({}));
  assert.deepEqual(kinds(operations), [`check ${layout.fence("b")}`]);
});

Deno.test("leases of what is put, and of what is checked as it is, must be there", () => {
  const of = state({ a: 1 });
  of.nodes.set("a", { value: "", version: 1, revision: "1", dead: false, lease: "L1" });
  const lease = { id: "L2", lost: new Promise<Error>(() => {}), revoke: () => Promise.resolve() };
  const { operations, leases } = planTransaction(layout, {
    checks: [{ key: "a", revision: "1" }],
    puts: [{ key: "c", value: "", lease }],
  }, of);
  assert.deepEqual(new Set(leases.values()), new Set(["L1", "L2"]));
  for (const [index, id] of leases) assert.equal(operations[index]!.path, layout.lease(id));
});

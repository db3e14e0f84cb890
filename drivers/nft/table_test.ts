import assert from "node:assert/strict";
import fc from "fast-check";
import {
  applyChange,
  changeOf,
  type Elements,
  elementScript,
  netChange,
  noElements,
  tableScript,
  type TableSpec,
} from "./table.ts";

const SPEC: TableSpec = {
  name: "inet t",
  sets: { a: "type ifname;", b: "type ifname;" },
  maps: { m: "type inet_service : ipv4_addr;" },
  quoted: ["a", "b"],
  chains: {
    base: { hook: "type filter hook input priority 0; policy accept;", rules: ["jump own"] },
    own: { hook: "", rules: ["drop"] },
  },
};

const some = fc.uniqueArray(fc.constantFrom("1", "2", "3", "4")).map((list) => new Set(list));
const all = fc.record({ a: some, b: some, m: some }, { noNullPrototype: true });
const part = fc.record({ a: some, b: some }, { requiredKeys: [], noNullPrototype: true });

Deno.test("changeOf() takes out, then puts in; applyChange() does it, and undoes it", () => {
  fc.assert(fc.property(all, part, part, (before, add, remove) => {
    const wanted: Elements = Object.fromEntries(
      Object.entries(before).map(([name, set]) => {
        const key = name as "a" | "b";
        return [name, set.difference(remove[key] ?? new Set()).union(add[key] ?? new Set())];
      }),
    );
    const elements: Elements = structuredClone(before);
    const change = changeOf(elements, { add, remove });
    applyChange(elements, change);
    assert.deepEqual(sorted(elements), sorted(wanted));
    // Nothing that is there already is added, nothing removed that isn't: nft would refuse the latter.
    for (const [name, set] of Object.entries(change.added)) {
      assert.ok(set.isDisjointFrom(before[name as "a"]));
    }
    for (const [name, set] of Object.entries(change.removed)) {
      assert.ok(set.isSubsetOf(before[name as "a"]));
    }
    applyChange(elements, { added: change.removed, removed: change.added });
    assert.deepEqual(sorted(elements), sorted(before));
  }));
});

const sorted = (elements: Elements) =>
  Object.entries(elements).map(([name, set]) => [name, ...[...set].sort()]);

Deno.test("elementScript() names the key alone where an element of a map is deleted", () => {
  const elements = {
    ...noElements([SPEC]),
    a: new Set(['"x"', '"y"']),
    m: new Set(["80 : 10.0.0.1"]),
  };
  assert.equal(
    elementScript([SPEC], { verb: "add", elements }),
    'add element inet t a { "x", "y" }\nadd element inet t m { 80 : 10.0.0.1 }\n',
  );
  assert.equal(
    elementScript([SPEC], { verb: "delete", elements }),
    'delete element inet t a { "x", "y" }\ndelete element inet t m { 80 }\n',
  );
  assert.equal(elementScript([SPEC], { verb: "add", elements: {} }), "");
});

Deno.test("tableScript() replaces whatever is there, and writes first what others go to", () => {
  const script = tableScript([SPEC], { ...noElements([SPEC]), a: new Set(['"x"']) });
  assert.match(script, /^add table inet t\ndelete table inet t\ntable inet t \{\n/);
  assert.match(
    script,
    /set a \{ type ifname; elements = \{ "x" \}; \}\n {2}set b \{ type ifname; {2}\}/,
  );
  assert.ok(script.indexOf("chain own") < script.indexOf("chain base"));
});

Deno.test("netChange() is what changes make in all, without what they take back", () => {
  const changes = fc.array(fc.record({ add: part, remove: part }), { maxLength: 6 });
  fc.assert(fc.property(all, changes, (before, each) => {
    const elements: Elements = structuredClone(before);
    const net = netChange(each.map((wish) => {
      const change = changeOf(elements, wish);
      applyChange(elements, change);
      return change;
    }));
    const made: Elements = structuredClone(before);
    // nft would refuse to delete what isn't there, and nothing that is there is added.
    for (const [name, less] of Object.entries(net.removed)) {
      assert.ok(less.isSubsetOf(made[name]!));
    }
    for (const [name, more] of Object.entries(net.added)) {
      assert.ok(more.isDisjointFrom(made[name]!));
    }
    applyChange(made, net);
    assert.deepEqual(sorted(made), sorted(elements));
  }));
});

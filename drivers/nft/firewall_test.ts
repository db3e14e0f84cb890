import assert from "node:assert/strict";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { Firewall } from "./firewall.ts";
import type { TableSpec } from "./table.ts";

const SPEC = {
  family: "inet",
  name: "inet t",
  sets: { links: "type ifname" },
  maps: {},
  quoted: ["links"],
  chains: { forward: { header: "", rules: [] } },
} as unknown as TableSpec;

/** A kernel that has no table and takes what it is given, or refuses all. */
function subject() {
  const scripts: string[] = [];
  const state = { broken: false };
  const runner = {
    nftSession: () => ({
      run: (script: string) => {
        if (state.broken || script.includes("bad")) return Promise.reject(new Error("on purpose"));
        scripts.push(script);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    }),
    json: () => Promise.resolve({ nftables: [] }),
  } as unknown as Runner;
  return { firewall: new Firewall(runner, [SPEC]), scripts, state };
}

const links = (...names: string[]) => ({ links: new Set(names.map((name) => `"${name}"`)) });

Deno.test("what a reconcile couldn't put up isn't there: a change that asks for the same says so", async () => {
  const { firewall, scripts, state } = subject();
  state.broken = true;
  await assert.rejects(firewall.reconcile(links("a")), /on purpose/);
  await assert.rejects(firewall.change({ add: links("a") }), /on purpose/);
  assert.equal(firewall.sound, false);
  state.broken = false;
  await firewall.change({ add: links("a") });
  assert.equal(scripts.length, 1);
  assert.match(scripts[0]!, /"a"/);
  assert.equal(firewall.sound, true);
});

Deno.test("a change is the difference, and none where there is none", async () => {
  const { firewall, scripts } = subject();
  await firewall.reconcile(links("a"));
  scripts.length = 0;
  await firewall.change({ add: links("a") });
  assert.deepEqual(scripts, []);
  await firewall.change({ add: links("b"), remove: links("a") });
  assert.equal(scripts.length, 1);
  assert.match(
    scripts[0]!,
    /delete element inet t links \{ "a" \}\nadd element inet t links \{ "b" \}/,
  );
});

Deno.test("changes that come at once are one transaction, and one that can't be fails by itself", async () => {
  const { firewall, scripts } = subject();
  await firewall.reconcile(links("old"));
  scripts.length = 0;
  const names = Array.from({ length: 40 }, (_, n) => `n${n}`);
  firewall.putSoon(links("soon"));
  await Promise.all([
    ...names.map((name) => firewall.change({ add: links(name) })),
    firewall.change({ remove: links("n3", "old", "none") }),
    firewall.change({ add: links("n5"), remove: links("n4") }),
    firewall.change({ add: links("old") }),
    firewall.change({ remove: links("soon") }),
  ]);
  const left = names.filter((name) => name !== "n3" && name !== "n4");
  assert.deepEqual(scripts, [
    `add element inet t links { ${left.map((name) => `"${name}"`).join(", ")} }\n`,
  ]);
  scripts.length = 0;
  const outcomes = await Promise.allSettled(
    ["x", "bad", "y"].map((name) => firewall.change({ add: links(name) })),
  );
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(scripts, ["x", "y"].map((name) => `add element inet t links { "${name}" }\n`));
  // What failed isn't wanted any more, and what was made is.
  scripts.length = 0;
  await firewall.change({ remove: links("x", "bad", "old") });
  assert.deepEqual(scripts, ['delete element inet t links { "x", "old" }\n']);
});

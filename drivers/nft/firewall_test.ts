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
        if (state.broken) return Promise.reject(new Error("on purpose"));
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

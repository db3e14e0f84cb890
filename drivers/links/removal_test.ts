import assert from "node:assert/strict";
import { TestNamespace } from "../../tests/harness/host.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { ToolError } from "../../lib/linux/tools/tool_error.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import { Links } from "./links.ts";

/** A namespace with the links of a runner at home there, and another one for the other ends. */
async function ends(): Promise<
  & { home: TestNamespace; away: TestNamespace; runner: Runner; links: Links }
  & AsyncDisposable
> {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(await TestNamespace.create("l"));
  const away = stack.use(await TestNamespace.create("l"));
  const runner = stack.use(new Runner({ home: home.path, keep: true }));
  const kept = stack.move();
  return {
    ...{ home, away, runner, links: new Links(runner) },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const veth = (netns?: string): NetOp => ({
  op: "addLink",
  name: "v",
  kind: { type: "veth", peer: { name: "w", ...netns !== undefined && { netns } } },
});

const makeVeth = (runner: Runner, away: TestNamespace) =>
  runner.apply([veth(away.path), { op: "setLink", link: "v", up: true }]);

Deno.test("delete() returns when neither end is found any more and the names are free", async () => {
  await using host = await ends();
  const { links, runner, away } = host;
  for (let i = 0; i < 10; i++) {
    await makeVeth(runner, away);
    await links.delete("v");
    assert.equal(await links.find("v"), undefined);
    assert.equal(await links.find("w", away.path), undefined);
  }
  for (let i = 0; i < 10; i++) {
    await makeVeth(runner, away); // At once.
    await links.delete("v");
  }
});

Deno.test("delete() removes a link of another namespace, and many links at once", async () => {
  await using host = await ends();
  const { links, runner, away } = host;
  await makeVeth(runner, away);
  await links.delete("w", away.path);
  assert.equal(await links.find("v"), undefined);
  const names = Array.from({ length: 30 }, (_, i) => `b${i}`);
  await runner.apply(
    names.map((name) => ({ op: "addLink", name, kind: { type: "bridge" } })),
  );
  await Promise.all(names.map((name) => links.delete(name)));
  assert.deepEqual((await links.list()).map(({ ifname }) => ifname), ["lo"]);
});

Deno.test("delete() is harmless where there is no such link, and where somebody else is faster", async () => {
  await using host = await ends();
  const { links, runner, away } = host;
  await links.delete("v");
  for (let i = 0; i < 10; i++) {
    await makeVeth(runner, away);
    await Promise.all([links.delete("v"), links.delete("w", away.path), links.delete("v")]);
  }
});

Deno.test("delete() says why a link can't be removed", async () => {
  await using host = await ends();
  await assert.rejects(host.links.delete("lo"), (error: ToolError) => {
    assert.ok(error instanceof ToolError);
    assert.match(error.message, /Operation not supported/);
    return true;
  });
});

Deno.test("a runner that is closed waits until the kernel has answered all it was asked", async () => {
  const ran: number[] = [];
  await using home = await TestNamespace.create("l");
  const runner = new Runner({ home: home.path, keep: true, onRun: (_, ms) => ran.push(ms) });
  await runner.apply([veth()]);
  await new Links(runner).delete("v");
  await runner.close();
  assert.equal(ran.length, 2);
});

Deno.test("delete() of many at once removes those that can be, and says which can't", async () => {
  await using host = await ends();
  const { links, runner } = host;
  const names = Array.from({ length: 20 }, (_, i) => `b${i}`);
  await runner.apply(names.map((name) => ({ op: "addLink", name, kind: { type: "bridge" } })));
  const all = [...names.slice(0, 10), "lo", "none", ...names.slice(10)];
  const results = await Promise.allSettled(all.map((name) => links.delete(name)));
  assert.deepEqual(
    results.flatMap(({ status }, i) => status === "rejected" ? [all[i]] : []),
    ["lo"],
  );
  assert.deepEqual((await links.list()).map(({ ifname }) => ifname), ["lo"]);
});

Deno.test("delete() of many takes as many turns of the kernel as two, not one each", async () => {
  const runs: string[] = [];
  await using home = await TestNamespace.create("l");
  await using runner = new Runner({
    home: home.path,
    keep: true,
    onRun: (tool) => runs.push(tool),
  });
  const names = Array.from({ length: 100 }, (_, i) => `b${i}`);
  await runner.apply(names.map((name) => ({ op: "addLink", name, kind: { type: "bridge" } })));
  runs.length = 0;
  const links = new Links(runner);
  const first = links.delete("b0");
  await new Promise((resolve) => setTimeout(resolve));
  await Promise.all([first, ...names.slice(1).map((name) => links.delete(name))]);
  await runner.close();
  assert.deepEqual(runs, ["ip", "ip"]);
});

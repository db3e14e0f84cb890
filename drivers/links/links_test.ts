import assert from "node:assert/strict";
import { DriverHost } from "../../tests/harness/driver_host.ts";
import { until } from "../../tests/harness/command.ts";
import { BridgeDriver } from "../bridge/bridge_driver.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { Links } from "./links.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";

const ADDRESS = "10.50.0.2/24";

/** A network of the bridge driver, and what joins it. */
async function host() {
  await using stack = new AsyncDisposableStack();
  const host = await DriverHost.create(({ runner }) => new BridgeDriver(runner));
  stack.defer(() => host[Symbol.asyncDispose]());
  const pools = [{ family: 4 as const, subnet: "10.50.0.0/24", gateway: "10.50.0.1" }];
  const network: NetworkSpec = { ...host.network(), ipv6: false, pools };
  await host.driver.createNetwork(network);
  const sandbox = await host.sandbox();
  const join: Join = {
    endpoint: {
      id: crypto.randomUUID().replaceAll("-", "").repeat(2),
      mac: "02:00:00:00:00:02",
      addresses: [ADDRESS],
    },
    sandbox,
    interface: "eth0",
    gateway: true,
    gateway6: false,
    ports: [],
  };
  const kept = stack.move();
  /** Ids of the processes of `ip` that are in the sandbox. */
  const pids = async () =>
    (await host.home.ok(["ip", "netns", "pids", sandbox.path.split("/").at(-1)!]))
      .split("\n").filter(Boolean).map(Number);
  const inside = (...words: string[]) =>
    host.home.ok(["nsenter", `--net=${sandbox.path}`, "ip", ...words]);
  return { host, network, join, pids, inside, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

Deno.test("joins of one sandbox are configured by one process, also where the link is made anew", async () => {
  await using there = await host();
  const { host: { driver }, network, join, pids, inside } = there;
  let first: number[] = [];
  for (let i = 0; i < 4; i++) {
    await driver.join(network, join);
    if (i === 0) first = await pids();
    assert.equal(first.length, 1);
    assert.deepEqual(await pids(), first);
    assert.match(await inside("addr", "show", "dev", "eth0"), /inet 10\.50\.0\.2\/24 .*eth0/);
    assert.match(await inside("route"), /default via 10\.50\.0\.1 dev eth0/);
    await driver.leave(network, join);
  }
});

Deno.test("a link that is there is configured by the process that stays", async () => {
  await using there = await host();
  const { host: { driver, parts: { runner } }, network, join, pids, inside } = there;
  await driver.join(network, join);
  const first = await pids();
  await inside("addr", "flush", "dev", "eth0");
  await new Links(runner).configure(network, join);
  assert.deepEqual(await pids(), first);
  assert.match(await inside("addr", "show", "dev", "eth0"), /inet 10\.50\.0\.2\/24 .*eth0/);
  const gone = { ...join, interface: "eth7" };
  await assert.rejects(new Links(runner).configure(network, gone), /Cannot find device "eth7"/);
  await driver.leave(network, join);
});

Deno.test("whether a sandbox has its default route is known without a process, and reconcile() mends it", async () => {
  await using there = await host();
  const { host: { driver }, network, join, inside } = there;
  await using runner = new Runner({ onRun: (tool) => assert.fail(`${tool} ran`) });
  const links = new Links(runner);
  assert.equal(links.hasDefaultRoute(join.sandbox.path), false);
  await driver.join(network, join);
  assert.equal(links.hasDefaultRoute(join.sandbox.path), true);
  await inside("route", "del", "default");
  await inside("route", "add", "10.99.0.0/16", "dev", "eth0");
  assert.equal(links.hasDefaultRoute(join.sandbox.path), false);
  await driver.reconcile([{ network, joins: [join], peers: [] }], true);
  assert.match(await inside("route"), /default via 10\.50\.0\.1 dev eth0/);
  assert.equal(links.hasDefaultRoute(join.sandbox.path), true);
  await driver.leave(network, join);
});

Deno.test("a join is made all the same when the process was killed since the last one", async () => {
  await using there = await host();
  const { host: { driver, parts: { runner } }, network, join, pids, inside } = there;
  await driver.join(network, join);
  await driver.leave(network, join);
  const [pid] = await pids();
  // Nobody has heard of the end yet: the join takes it and its id, which is no process's.
  const prepare = runner.prepare.bind(runner);
  let taken = 0;
  runner.prepare = (path, options) => {
    const prepared = prepare(path, options);
    if (!prepared.kept) return prepared;
    taken++;
    assert.equal(prepared.netns, String(pid));
    Deno.kill(pid!, "SIGKILL");
    for (const end = performance.now() + 5000; performance.now() < end;) {
      try {
        Deno.readTextFileSync(`/proc/${pid}/ns/net`);
      } catch {
        break;
      }
    }
    return prepared;
  };
  await driver.join(network, join);
  assert.equal(taken, 1);
  assert.match(await inside("addr", "show", "dev", "eth0"), /inet 10\.50\.0\.2\/24/);
  await driver.leave(network, join);
});

Deno.test("a join is made all the same when the process ends before it has configured the link", async () => {
  await using there = await host();
  const { host: { driver, parts: { runner } }, network, join, pids, inside } = there;
  await driver.join(network, join);
  await driver.leave(network, join);
  const [pid] = await pids();
  const prepare = runner.prepare.bind(runner);
  runner.prepare = (path, options) => {
    const prepared = prepare(path, options);
    return {
      ...prepared,
      apply: (ops) => {
        if (prepared.kept) Deno.kill(pid!, "SIGKILL");
        return prepared.apply(ops);
      },
    };
  };
  await driver.join(network, join);
  assert.match(await inside("addr", "show", "dev", "eth0"), /inet 10\.50\.0\.2\/24/);
  await until("the killed one is gone", async () => !(await pids()).includes(pid!));
  await driver.leave(network, join);
});

Deno.test("a link that a container calls like an index is not taken for that one", async () => {
  await using there = await host();
  const { host: { driver }, network, join, pids, inside } = there;
  await inside("link", "add", "name", "probe", "type", "bridge");
  const index = Number((await inside("-o", "link", "show", "dev", "probe")).split(":")[0]);
  await inside("link", "add", "name", `if${index + 2}`, "type", "bridge");
  await driver.join(network, join);
  assert.match(await inside("addr", "show", "dev", "eth0"), /inet 10\.50\.0\.2\/24/);
  assert.match(await inside("-o", "link", "show", "dev", "eth0"), new RegExp(`^${index + 2}:`));
  // It was told a name, so it doesn't stay.
  await until("no process is left", async () => (await pids()).length === 0);
  await driver.leave(network, join);
});

/**
 * Whose the links of a host are: a daemon with another state, or another run directory, takes nothing
 * apart.
 */
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";
import { namespaceNumber } from "../../lib/linux/namespaces/namespace_identity.ts";

/** What must not change: links, rules, and whether a container of `foo` reaches its gateway. */
async function seen(host: TestHost, sandbox: string, gateway: string) {
  const ping = await run(["ping", "-c1", "-W2", gateway], { namespace: sandbox });
  return {
    links: await host.links(),
    // The kernel shows the elements of a set in any order.
    rules: (await host.namespace.ok(["nft", "list", "ruleset"])).split(/[\s,]+/).sort().join(" "),
    ping: ping.code,
    namespaces: [...Deno.readDirSync(`${host.runDir}/netns`)].map(({ name }) => name).sort(),
  };
}

/** A daemon that doesn't start, with the one line that it says. */
async function refused(host: TestHost, stateDir: string, runDir: string): Promise<string> {
  const words = ["-d", "-H", `unix://${host.directory}/other.sock`];
  const { code, stderr } = await run([
    ...["ip", "netns", "exec", host.namespace.name, ...NETSVC, ...words],
    ...["--state-dir", stateDir, "--run-dir", runDir],
  ]);
  assert.equal(code, 1, stderr);
  const said = stderr.trimEnd().split("\n").filter((line) => line.startsWith("netsvc: "));
  assert.equal(said.length, 1, stderr);
  return said[0]!;
}

Deno.test("a daemon doesn't start where containers of another state would lose their network", async () => {
  await using host = await TestHost.create();
  const { directory, stateDir, runDir } = host;
  await host.ok("network", "create", "--ipv6", "--subnet", "10.77.0.0/24", "foo");
  await host.ok("container", "create", "--net", "foo", "bare");
  const sandbox = await host.sandbox("bare");
  await host.stop();
  const before = await seen(host, sandbox, "10.77.0.1");
  assert.equal(before.ping, 0);
  const unchanged = async () =>
    assert.deepEqual(await seen(host, sandbox, "10.77.0.1"), before, "nothing has changed");
  const [state2, run2] = [`${directory}/state2`, `${directory}/run2`];

  // A typing mistake, a configuration file forgotten: another state, another run directory, both.
  assert.match(
    await refused(host, state2, run2),
    new RegExp(`${stateDir}".*--state-dir ${stateDir} `),
  );
  assert.match(await refused(host, state2, runDir), new RegExp(`--state-dir ${stateDir}`));
  assert.match(await refused(host, stateDir, run2), new RegExp(`--run-dir ${runDir}`));
  await assert.rejects(Deno.stat(state2), Deno.errors.NotFound, "nothing is begun");
  await unchanged();

  // The advice of a broken day: the state was moved away.
  await Deno.rename(stateDir, `${stateDir}.away`);
  assert.match(
    await refused(host, stateDir, runDir),
    /another state, which was in .*put that back/,
  );
  await unchanged();
  await Deno.mkdir(stateDir);
  assert.match(
    await refused(host, stateDir, runDir),
    /another state, which was in .*put that back/,
  );
  await Deno.remove(stateDir, { recursive: true });
  await Deno.rename(`${stateDir}.away`, stateDir);
  await unchanged();

  // An upgrade: no daemon has noted anything yet.
  const forget = async () => {
    await Deno.remove(`/run/netsvc-namespaces/${namespaceNumber(host.namespace.path)}`);
    await Deno.remove(`${runDir}/owner`);
  };
  await forget();
  assert.match(await refused(host, state2, run2), /doesn't know; start with the --state-dir/);
  assert.match(await refused(host, state2, runDir), /doesn't know; start with the --state-dir/);
  await unchanged();
  // What is half made there is a leftover of that state's.
  await host.namespace.ip("link add nsv0123456789ab type bridge");
  await host.start();
  assert.match(host.log(), /Removed the link nsv0123456789ab/);
  assert.doesNotMatch(host.log().split("Stopping").at(-1)!, /Mended|warning/);
  await host.ok("exec", "bare", "--", "true");
  await unchanged();

  // Who really wants to begin anew says so.
  await host.stop();
  await Deno.remove(stateDir, { recursive: true });
  host.flags.push("--take-over");
  await host.start();
  assert.equal((await host.links()).length, 1);
  assert.deepEqual([...Deno.readDirSync(`${runDir}/netns`)], []);
});

Deno.test("networks of another state that serve nobody keep no daemon from starting, and stay", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.stop();
  const first = await host.links();
  const own = [...host.flags];
  host.flags.push("--state-dir", `${host.directory}/state2`, "--run-dir", `${host.directory}/run2`);
  await host.start();
  const both = await host.links();
  assert.equal(both.length, first.length + 1);
  assert.ok(first.every((name) => both.includes(name)));
  assert.match(host.log(), /Leaves 2 links of another state alone/);
  // Their subnets are no one else's.
  const shown = await host.namespace.ok(["ip", "-4", "-o", "addr", "show"]);
  const addresses = [...shown.matchAll(/ nsb\S+ +inet (\S+)/g)].map(([, address]) => address);
  assert.equal(new Set(addresses).size, 3);
  // It still knows when it comes back.
  await host.stop();
  await host.start();
  assert.deepEqual(await host.links(), both);
  await host.stop();
  // Each finds its own, and the other's.
  host.flags.splice(0, Infinity, ...own);
  for (let i = 0; i < 2; i++) {
    await host.start();
    assert.deepEqual(await host.links(), both);
    await host.stop();
  }
  host.flags.push("--take-over");
  await host.start();
  assert.deepEqual(await host.links(), first);
});

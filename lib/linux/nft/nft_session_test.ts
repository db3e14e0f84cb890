import assert from "node:assert/strict";
import { run } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { linkNames } from "../net/netdevice.ts";
import { Runner } from "../tools/runner.ts";
import { ToolError } from "../tools/tool_error.ts";

const TABLE = "add table inet t\nadd set inet t s { type ifname; }\n";

/** A namespace and sessions in it: by the library, and by processes. */
async function host() {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(await TestNamespace.create("n"));
  const tools: string[] = [];
  const runner = stack.use(
    new Runner({ home: home.path, keep: true, onRun: (t) => tools.push(t) }),
  );
  const plain = stack.use(new Runner({ home: home.path }));
  const kept = stack.move();
  return {
    home,
    runner,
    tools,
    sessions: [runner.nftSession(), plain.nftSession()] as const,
    set: async (path = home.path) => {
      const listed = await run(["nft", "list", "set", "inet", "t", "s"], { namespace: path });
      return [...listed.stdout.matchAll(/"(\w+)"/g)].map(([, name]) => name!).sort();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

Deno.test("a script is one transaction, by the library and by a process", async () => {
  await using there = await host();
  for (const [i, session] of there.sessions.entries()) {
    await session.run(`${TABLE}add element inet t s { "a${i}" }\n`);
    assert.equal(session.isOpen, i === 0);
    // The last of three can't be.
    const bad = 'add element inet t s { "b" }\ndelete element inet t s { "a0" }\n' +
      'delete element inet t s { "none" }\n';
    await assert.rejects(session.run(bad), (error: ToolError) => {
      assert.ok(error instanceof ToolError);
      assert.equal(error.errno, "ENOENT");
      assert.match(error.message, /with nft: .*No such file or directory; delete element .*"none"/);
      assert.match(String(error.cause), /nft -f - was given: add element inet t s/);
      return true;
    });
    assert.deepEqual(await there.set(), i === 0 ? ["a0"] : ["a0", "a1"]);
    await assert.rejects(session.run("add blah\n"), /syntax error/);
    await assert.rejects(session.run("flush ruleset"), /^NetsvcError: Refused to give nft/);
  }
  // The wall's are none.
  assert.deepEqual(there.tools, ["nft", "nft", "nft"]);
});

Deno.test("changes of many sessions at once are all made, and each hears of its own failure", async () => {
  await using there = await host();
  await there.sessions[0].run(TABLE);
  const many = Array.from({ length: 40 }, () => there.runner.nftSession());
  const results = await Promise.allSettled(
    many.map((session, i) =>
      session.run(i % 4 === 3 ? `delete table inet x${i}\n` : `add element inet t s { "e${i}" }\n`)
    ),
  );
  assert.equal((await there.set()).length, 30);
  for (const [i, result] of results.entries()) {
    assert.equal(result.status, i % 4 === 3 ? "rejected" : "fulfilled");
    if (result.status === "rejected") assert.match(result.reason.message, new RegExp(`x${i}\\b`));
  }
});

Deno.test("somebody else's changes in between are seen", async () => {
  await using there = await host();
  const [kept, other] = there.sessions;
  await kept.run(`${TABLE}add element inet t s { "a" }\n`);
  await other.run("delete table inet t\n");
  await assert.rejects(kept.run('add element inet t s { "b" }\n'), { errno: "ENOENT" });
  await other.run(`${TABLE}add element inet t s { "c" }\n`);
  await kept.run('add element inet t s { "d" }\n');
  assert.deepEqual(await there.set(), ["c", "d"]);
});

Deno.test("no process that is started has the library's socket", async () => {
  await using there = await host();
  const sockets = async () => {
    const child = await new Deno.Command("sh", {
      args: ["-c", "readlink /proc/$$/fd/*; true"],
      stdin: "null",
    }).output();
    return new TextDecoder().decode(child.stdout).split("\n")
      .filter((name) => name.startsWith("socket:")).length;
  };
  const before = await sockets();
  await there.sessions[0].run(TABLE);
  assert.ok(there.sessions[0].isOpen);
  assert.equal(await sockets(), before);
});

Deno.test("a session follows its path to another namespace, and lets go of what it leaves", async () => {
  await using there = await host();
  const first = await TestNamespace.create("n");
  await using second = await TestNamespace.create("n");
  let path = first.path;
  const session = there.runner.nftSession(() => path);
  await session.run(`${TABLE}add element inet t s { "one" }\n`);
  assert.deepEqual(await there.set(path), ["one"]);
  // A namespace that nobody holds takes its links with it: the other end of a veth says when.
  await there.runner.apply([{
    op: "addLink",
    name: "v",
    kind: { type: "veth", peer: { name: "w", netns: path } },
  }]);
  path = second.path;
  await session.run(`${TABLE}add element inet t s { "two" }\n`);
  assert.deepEqual(await there.set(path), ["two"]);
  await first[Symbol.asyncDispose]();
  for (const end = performance.now() + 10_000;;) {
    if (!there.runner.within(undefined, linkNames).includes("v")) break;
    assert.ok(performance.now() < end, "the namespace goes");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  path = first.path;
  await assert.rejects(session.run(TABLE), { code: "kernel" });
});

Deno.test("a runner that is closed has no session open, and later changes are by processes", async () => {
  await using there = await host();
  const [session] = there.sessions;
  await session.run(TABLE);
  await there.runner.close();
  assert.equal(session.isOpen, false);
  await session.run('add element inet t s { "late" }\n');
  assert.equal(session.isOpen, false);
  assert.deepEqual(await there.set(), ["late"]);
});

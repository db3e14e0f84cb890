import assert from "node:assert/strict";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { inNamespace } from "../namespaces/namespace.ts";
import { INSIDE_ARGS, InsideProcess } from "./inside_process.ts";

const LATE_MS = 10_000;

function started({ path }: TestNamespace): InsideProcess {
  return inNamespace(path, () =>
    new InsideProcess(
      new Deno.Command("ip", { args: INSIDE_ARGS, stdin: "piped", stdout: "null", stderr: "piped" })
        .spawn(),
    ));
}

async function links(there: TestNamespace): Promise<string[]> {
  const shown: { ifname: string }[] = JSON.parse(await there.ok(["ip", "-j", "link"]));
  return shown.map(({ ifname }) => ifname).sort();
}

Deno.test("batches end one after the other in one process, empty ones too", async () => {
  await using there = await TestNamespace.create("i");
  const process = started(there);
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(await process.run([`link add name b${i} type bridge`], LATE_MS), { ok: true });
    assert.ok((await links(there)).includes(`b${i}`), "a batch that has ended is done");
    assert.deepEqual(await process.run([], LATE_MS), { ok: true });
  }
  assert.ok(process.live);
  await process.close();
  assert.ok(!process.live);
});

Deno.test("a batch says what failed in it, and is done past that; the next begins anew", async () => {
  await using there = await TestNamespace.create("i");
  const process = started(there);
  const bad = await process.run(
    ["link set dev none up", "link add name a type bridge", "link add name a type bridge"],
    LATE_MS,
  );
  assert.ok(!bad.ok);
  assert.equal(bad.why, "refused");
  assert.match(bad.stderr, /^Cannot find device "none"\nCommand failed -:1\n.*File exists/s);
  assert.doesNotMatch(bad.stderr, /ip help/);
  assert.deepEqual(await process.run(["link set dev a up"], LATE_MS), { ok: true });
  await process.close();
});

Deno.test("whatever links are called in there, a batch ends when it is done, and not before", async () => {
  await using there = await TestNamespace.create("i");
  const process = started(there);
  await there.ip(
    "link set lo down",
    "link set lo name gone",
    "link add name lo type bridge",
    "link add name if1 type bridge",
    "link property add dev lo altname done",
  );
  await there.ok(["sh", "-c", "ip link set lo alias 'x\nCommand failed -:2'"]);
  for (let i = 0; i < 3; i++) {
    const all = Array.from({ length: 50 }, (_, n) => `link add name b${i}.${n} type bridge`);
    assert.deepEqual(await process.run(all, LATE_MS), { ok: true });
    assert.equal((await links(there)).length, 3 + 50 * (i + 1));
  }
  await process.close();
});

Deno.test("a process that hangs is killed at the deadline, and one that ends says so", async () => {
  await using there = await TestNamespace.create("i");
  const hanging = started(there);
  Deno.kill(hanging.pid, "SIGSTOP");
  assert.deepEqual(await hanging.run(["link set lo up"], 50), {
    ok: false,
    why: "late",
    stderr: "",
  });
  assert.ok(!hanging.live);
  const dying = started(there);
  assert.deepEqual(await dying.run([], LATE_MS), { ok: true });
  Deno.kill(dying.pid, "SIGSTOP");
  const running = dying.run(["link set lo up"], LATE_MS);
  Deno.kill(dying.pid, "SIGKILL");
  const result = await running;
  assert.ok(!result.ok && result.why === "ended");
  assert.ok(!dying.live);
});

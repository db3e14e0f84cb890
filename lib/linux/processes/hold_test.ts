import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { holdProcess } from "./hold.ts";

/** A process that writes a line every few milliseconds until there is a file `go`, and then is another program. */
async function subject() {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const script = 'while [ ! -e go ]; do echo x >> before; sleep 0.01; done; exec sh -c "$1"';
  const program = "echo x >> after; exec sleep 60";
  const child = new Deno.Command("sh", {
    args: ["-c", script, "sh", program],
    stdin: "null",
    cwd: directory,
  }).spawn();
  const size = (file: string) => {
    try {
      return Deno.statSync(`${directory}/${file}`).size;
    } catch {
      return 0;
    }
  };
  await until("it runs", () => size("before") > 2);
  return {
    child,
    lines: () => size("before"),
    /** Has it become the other program. */
    go: () => Deno.writeTextFileSync(`${directory}/go`, ""),
    isOther: () => size("after") > 0,
    /** Whether it stands, traced. */
    stands: () => Deno.readTextFileSync(`/proc/${child.pid}/status`).includes("tracing stop"),
    [Symbol.asyncDispose]: async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Time in which a program that isn't held would have begun. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 200));

Deno.test("a held process goes on until its next program, and begins that when it is released", async () => {
  await using all = await subject();
  const release = holdProcess(all.child.pid, 10_000);
  const before = all.lines();
  await until("it goes on, with its children's ends", () => all.lines() > before + 6);
  all.go();
  await until("it stands", all.stands);
  await pause();
  assert.equal(all.isOther(), false);
  await release();
  await release();
  await until("it is the other program", all.isOther);
});

Deno.test("one that is released before goes on, and isn't held any more", async () => {
  await using all = await subject();
  await holdProcess(all.child.pid, 10_000)();
  const before = all.lines();
  await until("it goes on", () => all.lines() > before + 2);
  all.go();
  await until("it is the other program", all.isOther);
});

Deno.test("it is let go by itself after its time", async () => {
  await using all = await subject();
  holdProcess(all.child.pid, 50);
  all.go();
  await until("it is the other program", all.isOther);
});

Deno.test("holdProcess() loses no signal, and hides no end from its parent", async () => {
  {
    await using all = await subject();
    const release = holdProcess(all.child.pid, 10_000);
    all.child.kill("SIGTERM");
    assert.equal((await all.child.status).signal, "SIGTERM");
    await release();
    // Gone, or never there: nothing to hold.
    await holdProcess(all.child.pid, 1000)();
  }
  {
    await using all = await subject();
    const release = holdProcess(all.child.pid, 10_000);
    all.go();
    await until("it stands", all.stands);
    all.child.kill("SIGTERM");
    await release();
    assert.equal((await all.child.status).signal, "SIGTERM");
  }
  await using all = await subject();
  const release = holdProcess(all.child.pid, 10_000);
  all.go();
  await until("it stands", all.stands);
  all.child.kill("SIGKILL");
  assert.equal((await all.child.status).signal, "SIGKILL");
  await release();
});

Deno.test("one that somebody stops stays stopped, held or not", async () => {
  await using all = await subject();
  const release = holdProcess(all.child.pid, 10_000);
  all.child.kill("SIGSTOP");
  await pause();
  const before = all.lines();
  await pause();
  assert.equal(all.lines(), before);
  await release();
  await pause();
  assert.equal(all.lines(), before);
  all.child.kill("SIGCONT");
  await until("it goes on", () => all.lines() > before);
});

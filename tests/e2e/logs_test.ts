import assert from "node:assert/strict";
import { run, until } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";

/** Standard output of a client as it comes. */
function following(host: TestHost, ...words: string[]) {
  const child = host.spawn(["container", "logs", "-f", ...words]);
  let said = "";
  const read = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) said += text;
    return said;
  })();
  return {
    child,
    said: () => said,
    /** All that it said, and how it ended. */
    end: async () => ({ said: await read, code: (await child.status).code }),
  };
}

Deno.test("container logs: the last lines, times, since, follow", async (t) => {
  await using host = await TestHost.create();
  // Says a line for each that it is told.
  const fifo = `${host.directory}/fifo`;
  await run(["mkfifo", fifo]);
  await host.ok(
    ...["run", "-d", "--name", "app", "--", "sh", "-c"],
    `exec 3<>"$1"; echo begun; while read -r line <&3; do [ "$line" = end ] && exit 3; echo "$line"; done`,
    "sh",
    fifo,
  );
  const tell = (line: string) => Deno.writeTextFile(fifo, `${line}\n`);
  const logs = (...words: string[]) => host.ok("container", "logs", ...words, "app");
  const shows = (line: string) =>
    until(`it says ${line}`, async () => (await logs()).split("\n").includes(line));

  await t.step("--tail", async () => {
    for (const line of ["one", "two", "three"]) await tell(line);
    await shows("three");
    assert.equal(await logs(), "begun\none\ntwo\nthree");
    assert.equal(await logs("--tail", "2"), "two\nthree");
    assert.equal(await logs("-n", "0"), "");
    assert.equal(await logs("--tail", "all"), "begun\none\ntwo\nthree");
    await host.fails(2, /Invalid --tail "-1"; give a number or all/, "logs", "--tail=-1", "app");
    await host.fails(2, /Invalid --tail "x"/, "logs", "-n", "x", "app");
  });

  await t.step("--timestamps and --since", async () => {
    const before = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await tell("late");
    await shows("late");
    const lines = (await logs("-t")).split("\n");
    assert.equal(lines.length, 5);
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \w+$/);
    const time = Date.parse(lines.at(-1)!.split(" ")[0]!);
    assert.ok(time > before + 1400 && time <= Date.now(), `${lines.at(-1)}`);
    assert.ok(Date.parse(lines[0]!.split(" ")[0]!) < before, `${lines[0]}`);
    assert.equal(await logs("--since", new Date(before + 1000).toISOString()), "late");
    assert.equal(await logs("--since", "1h", "-n", "1"), "late");
    assert.equal(await logs("--since", "0s"), "");
    await host.fails(2, /Invalid --since "x"; write a time/, "logs", "--since", "x", "app");
  });

  await t.step("--follow tells what is said at once, and ends with the container", async () => {
    const all = following(host, "app");
    const some = following(host, "--tail", "1", "app");
    await until("what was said before", () => Promise.resolve(some.said() === "late\n"));
    const start = performance.now();
    await tell("news");
    await until("what is said now", () => Promise.resolve(some.said() === "late\nnews\n"));
    assert.ok(performance.now() - start < 1000);
    const quick = host.spawn(["logs", "-f", "-n1", "app"]);
    for await (const text of quick.stdout.pipeThrough(new TextDecoderStream())) {
      assert.equal(text, "news\n");
      break;
    }
    // Nobody reads it any more: it ends at the next line.
    await tell("more");
    await tell("end");
    await quick.status;
    assert.deepEqual(await some.end(), { said: "late\nnews\nmore\n", code: 0 });
    assert.deepEqual(await all.end(), {
      said: "begun\none\ntwo\nthree\nlate\nnews\nmore\n",
      code: 0,
    });
    // It has ended: there is nothing to wait for.
    assert.deepEqual(await following(host, "-n1", "app").end(), { said: "more\n", code: 0 });
  });

  await t.step("--follow of a container that goes with its end tells the last words", async () => {
    await host.ok(
      ...["run", "-d", "--rm", "--name", "brief", "--", "sh", "-c"],
      `read -r _ < "$1"; seq 20000; printf end`,
      "sh",
      fifo,
    );
    const brief = following(host, "brief");
    await until(
      "it is followed",
      async () => (await run(["ss", "-xH"])).stdout.includes(host.socket),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tell("go");
    const { said, code } = await brief.end();
    const numbers = Array.from({ length: 20000 }, (_, i) => `${i + 1}\n`).join("");
    assert.equal(said.length, numbers.length + 3);
    assert.equal(said, `${numbers}end`);
    assert.equal(code, 0);
  });

  await t.step("--follow goes on through restarts, and ends when somebody stops it", async () => {
    await host.ok(
      ...["run", "-d", "--restart", "always", "--name", "again", "--", "sh", "-c"],
      `echo up; read -r _ < "$1"`,
      "sh",
      fifo,
    );
    const again = following(host, "again");
    for (const said of ["up\n", "up\nup\n", "up\nup\nup\n"]) {
      await until("it is up", () => Promise.resolve(again.said() === said));
      if (said.length < 9) await tell("go");
    }
    await host.ok("stop", "-t", "1", "again");
    const { said, code } = await again.end();
    assert.match(said, /^up\nup\nup\n/);
    assert.equal(code, 0);
  });

  await t.step("what isn't there, and who has no output", async () => {
    await host.fails(1, /No such container: "nope"/, "logs", "-f", "nope");
    await host.ok("container", "create", "bare");
    for (const words of [["logs", "bare"], ["logs", "-f", "bare"]]) {
      await host.fails(
        1,
        /container "bare" has no output: it was made without a command/,
        ...words,
      );
    }
    const front = host.spawn(["run", "--name", "front", "--", "sleep", "1000"]);
    await until(
      "it runs",
      async () => (await host.ok("ps", "-f", "name=front", "--format", "{{.State}}")) === "running",
    );
    await host.fails(
      1,
      /output of container "front" isn't kept: it was run in the/,
      "logs",
      "front",
    );
    await host.ok("rm", "-f", "front");
    await front.stdout.cancel();
    await front.status;
  });

  await t.step("a daemon that ends isn't the container's end", async () => {
    await host.ok("run", "-d", "--name", "long", "--", "sleep", "1000");
    const child = new Deno.Command(NETSVC[0]!, {
      args: [...NETSVC.slice(1), "-H", `unix://${host.socket}`, "logs", "-f", "long"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await host.stop();
    const { code, stderr } = await child.output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /^netsvc: .*daemon.*\n$/);
    await host.start();
    assert.equal(await host.ok("logs", "app"), "begun\none\ntwo\nthree\nlate\nnews\nmore");
    const [first] = (await host.ok("logs", "-t", "app")).split("\n");
    assert.match(first!, /^\d{4}-.*Z begun$/);
  });
});

Deno.test("a container that says without end fills no disk, and its end is told", async () => {
  await using host = await TestHost.create();
  await host.ok(
    ...["run", "-d", "--name", "loud", "--", "sh", "-c", "seq 5000000; echo end; sleep 1000"],
  );
  const [path] = [...Deno.readDirSync(`${host.runDir}/containers`)].map(({ name }) =>
    `${host.runDir}/containers/${name}/log`
  );
  // 39 MB in all.
  await until("it is cut", () => {
    const { size, blocks } = Deno.statSync(path!);
    return Promise.resolve(size > 38_000_000 && blocks! * 512 < 9 * 1024 * 1024);
  });
  await until("all is said", async () => (await host.ok("logs", "-n", "1", "loud")) === "end");
  const kept = (await host.ok("logs", "loud")).split("\n");
  assert.equal(kept.pop(), "end");
  assert.equal(kept.at(-1), "5000000");
  const first = Number(kept[0]);
  assert.deepEqual(kept.slice(0, 3), [first, first + 1, first + 2].map(String));
  assert.equal(kept.length, 5000000 - first + 1, "nothing is missing in between");
});

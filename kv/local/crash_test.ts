import assert from "node:assert/strict";
import { withDeadline } from "../testing/case.ts";
import { openLocalStore } from "./local_store.ts";

/** Writes whole transactions for ever and prints the number of each that was committed. */
const WRITER = `
import { openLocalStore } from ${JSON.stringify(import.meta.resolve("./local_store.ts"))};
const store = await openLocalStore(Deno.args[0]);
const lease = await store.lease(60000);
for (let i = Number(Deno.args[1]);; i++) {
  const text = String(i);
  const result = await store.commit({
    puts: [
      ...["k/a", "k/b", "k/c"].map((key) => ({ key, value: text })),
      { key: "k/big", value: text + ":" + text.at(-1).repeat(70000) },
      { key: "k/new/" + i, value: text },
      { key: "leased", value: text, lease },
    ],
    deletes: ["k/new/" + (i - 1)],
  });
  if (!result.ok) throw new Error("refused");
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\\n"));
}
`;

/** As many as may wait in line together; each writes two keys, and prints its name when it is committed. */
const GROUPS = `
import { openLocalStore } from ${JSON.stringify(import.meta.resolve("./local_store.ts"))};
const store = await openLocalStore(Deno.args[0]);
for (let i = Number(Deno.args[1]);; i++) {
  await Promise.all(Array.from({ length: 40 }, async (_, n) => {
    const name = i + "-" + n;
    const puts = ["a", "b"].map((half) => ({ key: "g/" + name + "/" + half, value: name }));
    const deletes = ["a", "b"].map((half) => "g/" + (i - 2) + "-" + n + "/" + half);
    const checks = n % 8 === 7 ? [{ key: "g", revision: "0".repeat(20) }] : [];
    const { ok } = await store.commit({ checks, puts, deletes });
    if (ok === (n % 8 === 7)) throw new Error("decided wrongly");
    if (ok) Deno.stdout.writeSync(new TextEncoder().encode(name + "\\n"));
  }));
}
`;

/** Runs the writer, kills it `ms` milliseconds after its first commit, gives what it printed last. */
async function writeAndDie(
  directory: string,
  { writer, from, ms }: { writer: string; from: number; ms: number },
): Promise<string> {
  const script = `${directory}/writer.ts`;
  Deno.writeTextFileSync(script, writer);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--unstable-kv",
      `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
      script,
      `${directory}/state`,
      `${from}`,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  let timer: number | undefined;
  const read = async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      timer ??= setTimeout(() => child.kill("SIGKILL"), ms);
    }
  };
  try {
    await withDeadline(read(), 30_000, "writer");
  } finally {
    clearTimeout(timer);
    try {
      child.kill("SIGKILL");
    } catch { /* It has ended. */ }
    assert.equal((await child.status).signal, "SIGKILL", "the writer failed by itself");
  }
  const lines = output.slice(0, output.lastIndexOf("\n")).split("\n");
  return lines.at(-1)!;
}

Deno.test("openLocalStore() finds whole transactions after SIGKILL, and no lease's key", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "h1_crash_" });
  try {
    let next = 1;
    for (let round = 0; round < 6; round++) {
      const ms = Math.floor(Math.random() * 200);
      const acknowledged = Number(
        await writeAndDie(directory, { writer: WRITER, from: next, ms }),
      );
      await using store = await openLocalStore(`${directory}/state`);
      const values = new Map((await store.list("")).map(({ key, value }) => [key, value]));
      const text = values.get("k/a")!;
      const i = Number(text);
      assert.ok(i >= acknowledged, `${acknowledged} was acknowledged, ${i} is there`);
      assert.ok(values.get("k/big") === `${text}:${text.at(-1)!.repeat(70000)}`);
      values.delete("k/big");
      assert.deepEqual(
        Object.fromEntries(values),
        { "k/a": text, "k/b": text, "k/c": text, [`k/new/${text}`]: text },
      );
      next = i + 1;
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("of commits that wait in line together each is whole after SIGKILL, and there if acknowledged", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "h1_crash_" });
  try {
    let next = 1;
    for (let round = 0; round < 6; round++) {
      const ms = Math.floor(Math.random() * 200);
      const acknowledged = await writeAndDie(directory, { writer: GROUPS, from: next, ms });
      await using store = await openLocalStore(`${directory}/state`);
      const names = (await store.list("g/")).map(({ key, value }) => {
        assert.ok(key.startsWith(`g/${value}/`));
        return value;
      });
      assert.ok(names.includes(acknowledged), `${acknowledged} was acknowledged`);
      for (const name of names) {
        assert.equal(names.filter((other) => other === name).length, 2, `${name} is whole`);
        assert.notEqual(Number(name.split("-")[1]) % 8, 7, "its check failed");
      }
      next = Math.max(...names.map((name) => Number(name.split("-")[0]))) + 1;
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

import assert from "node:assert/strict";
import type { OverlayHost } from "../../drivers/overlay/overlay_driver.ts";
import { createDrivers } from "../../drivers/registry.ts";
import { parseStoreUrl } from "../../kv/url/url.ts";
import { STORES } from "../../lib/api/settings/settings.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { run } from "../../tests/harness/command.ts";
import type { Client } from "../client/client.ts";
import { DRIVERS, OPTIONS } from "../commands/network.ts";
import { createProgram } from "../program.ts";
import { complete } from "./complete.ts";
import { SCRIPTS } from "./scripts.ts";

const program = await createProgram({ daemon: () => Promise.resolve() });

const backend = { container: { id: "c".repeat(64), name: "web", runtime: "netsvc" } };
const network = { name: "foo" };

/** Daemons that know a few things. */
function connect({ host }: Record<string, string>): Client {
  const names = (...words: string[]) => ({
    list: () => Promise.resolve(words.map((name) => ({ name }))),
  });
  const here = {
    networks: names("foo", "bar"),
    containers: names("web"),
    hosts: {
      list: () => Promise.resolve([{ name: "vm", self: true, address: "10.0.0.1" }]),
    },
    cluster: { tokens: () => Promise.resolve([{ id: "0123456789abcdef" }]) },
    services: {
      list: () => Promise.resolve([{ name: "db", network }, { name: "mine", network, backend }]),
    },
  };
  const there = { ...here, networks: names("other") };
  const all = { undefined: here, "unix:///other": there, "unix:///x": here }[`${host}`];
  if (!all) throw new Error("no such daemon");
  return { ...all, [Symbol.dispose]: () => {} } as unknown as Client;
}

const answer = (words: string[]) => complete(words, { program, connect });

/** What is offered behind the words; files and programs are left to the shell. */
const CASES: [line: string, ...offered: string[]][] = [
  ["net", "network"],
  ["network ", "create", "rm", "ls", "info", "inspect"],
  ["help ne", "network"],
  ["help network r", "rm"],
  ["help network rm ", ""],
  ["network help c", "create"],
  ["network rm ", "foo", "bar"],
  ["network delete ", "foo", "bar"],
  ["network rm foo ", "bar"],
  ["network create ", ""],
  ["network create --sub", "--subnet"],
  ["network create --subnet ", ""],
  ["network create -d ", "bridge", "overlay"],
  ["network create --driver=ov", "overlay"],
  ["network create -o mt", "mtu="],
  ["network create -o mtu=", ""],
  ["network ls -f na", "name="],
  ["network ls --filter=na", "name="],
  ["network ls -f sc", "scope=local", "scope=global"],
  ["network ls -f scope=l", "local"],
  ["network ls --format ", "table", "json"],
  ["network info --format ", "text", "json"],
  ["network ls -l ", ""],
  ["-l ", "debug", "info", "warn", "error", "fatal"],
  ["-H ", "unix:///run/netsvc.sock", "tcp://", "tls://"],
  ["-H unix:", "///run/netsvc.sock"],
  ["-H unix:///x network cr", "create"],
  ["-H unix:///nowhere network rm ", ""],
  ["-H unix:///other network rm ", "other"],
  ["--host=unix:///other network rm ", "other"],
  ["-d --kv-store e", "etcd:"],
  ["service attach ", "web"],
  ["service attach --alias a:b ", "web"],
  ["service attach web d", "db.foo"],
  ["service attach web db.foo ", ""],
  ["service detach web ", "mine.foo"],
  ["service unpublish db.foo ", "mine.foo"],
  ["run --net f", "foo"],
  ["run --net=f", "foo"],
  ["run --publish-service ", "db.foo", "mine.foo"],
  ["run --restart un", "unless-stopped"],
  ["exec ", "web"],
  ["container kill -s SIGK", "SIGKILL"],
  ["kill --signal=SIGK", "SIGKILL"],
  ["ps -f st", "state=created", "state=running", "state=exited"]
    .concat(["status=created", "status=running", "status=exited"]) as [string, ...string[]],
  ["inspect ", "web", "foo", "bar", "db.foo", "mine.foo", "vm"],
  ["host info vm ", ""],
  ["cluster ", "init", "join", "status", "leave", "backup", "restore", "recover", "upgrade"]
    .concat(["token", "keys", "ca"]) as [string, ...string[]],
  ["cluster token ", "create", "ls", "rm"],
  ["cluster token rm ", "0123456789abcdef"],
  ["cluster token rm 0123456789abcdef ", ""],
  ["cluster token create --ttl ", "10m", "1h", "12h", "1d", "7d", "30d"],
  ["cluster token create -", "--quiet", "--ttl", "--uses", "--help"],
  ["cluster token ls --format ", "table", "json"],
  ["cluster keys ", "rotate"],
  ["cluster ca ", "rotate"],
  ["cluster status --format=j", "json"],
  ["cluster status --", "--filter", "--format", "--no-trunc", "--quiet", "--help"],
  ["cluster init --", "--advertise", "--name", "--etcd", "--ttl", "--uses", "--kv-store", "--help"],
  ["cluster init --kv-store e", "etcd:"],
  ["cluster join --advertise ", "10.0.0.1"],
  ["cluster leave --", "--force", "--help"],
  ["cluster recover --", "--yes", "--force", "--help"],
  ["completion ", "bash", "zsh", "fish"],
  ["bogus ", ""],
  ["network bogus ", ""],
];
const OF_SHELLS: [line: string, ...offered: string[]][] = [
  ["cluster backup /etc/hostn", "/etc/hostname"],
  ["cluster restore -f /etc/hostn", "/etc/hostname"],
  ["cluster init --etcd /etc/hostn", "/etc/hostname"],
  ["run --rootfs /etc/hostn", "/etc/hostname"],
  ["run --rootfs=/etc/hostn", "/etc/hostname"],
  ["run --net foo -- unsh", "unshare"],
  ["run unshare --mou", ""],
  ["exec web unsh", "unshare"],
  ["exec web -- unsh", "unshare"],
];

/** Runs a shell in which the program answers as the last line asks, and sees what it was asked. */
async function inShell(words: string[], command: (directory: string) => string[]): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    for (const [shell, script] of Object.entries(SCRIPTS)) {
      await Deno.writeTextFile(`${directory}/${shell}`, script);
    }
    const lines = await answer(words);
    await Deno.writeTextFile(`${directory}/answer`, lines.map((line) => `${line}\n`).join(""));
    const { stdout, stderr, code } = await run(command(directory));
    assert.equal(code, 0, stderr);
    // `compopt` has nothing to do outside of a completion.
    assert.equal(stderr.replaceAll(/^.*not currently executing completion function\n/gm, ""), "");
    const asked = await Deno.readTextFile(`${directory}/asked`);
    assert.deepEqual(asked, ["__complete", ...words].map((word) => `${word}\n`).join(""));
    return stdout;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** What bash offers behind some words, of which it takes `=` and `:` for words of their own. */
async function inBash(words: string[]): Promise<string[]> {
  const pieces = words.flatMap((word) => {
    const split = word.split(/(?<=[=:])|(?=[=:])/);
    return /[=:]$/.test(word) ? [...split, ""] : split;
  });
  const script = `
    netsvc() { printf '%s\\n' "$@" > "$dir/asked"; cat "$dir/answer"; }
    dir=$1; source "$dir/bash"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _netsvc; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = await inShell(
    words,
    (directory) => ["bash", "-c", script, "bash", directory, "netsvc", ...pieces],
  );
  return said.trim().split("\n");
}

Deno.test("bash completes commands, options, values and names", async (t) => {
  for (const [line, ...offered] of [...CASES, ...OF_SHELLS]) {
    await t.step(`netsvc ${line}`, async () => {
      assert.deepEqual(await inBash(line.split(" ")), offered);
    });
  }
});

Deno.test("a variable of the script has no name that zsh gives a meaning", () => {
  // A local "path" is an empty PATH.
  const locals = [...SCRIPTS.zsh!.matchAll(/^ *local (.*)$/gm)].flatMap(([, names]) =>
    names!.split(/\s+/).map((name) => name.split("=")[0]!)
  );
  assert.ok(locals.length > 8);
  for (const name of ["path", "commands", "words", "status", "options", "functions", "aliases"]) {
    assert.ok(!locals.includes(name), `a variable is called ${name}`);
  }
});

/** What fish offers, without the descriptions. */
async function inFish(line: string): Promise<string[]> {
  const script = `
    set -g dir $argv[1]
    function netsvc; printf '%s\\n' $argv > $dir/asked; cat $dir/answer; end
    source $dir/fish
    complete -C "netsvc $argv[2]"`;
  const said = await inShell(
    line.split(" "),
    (directory) => ["fish", "--no-config", "-c", script, "--", directory, line],
  );
  return said.trim().split("\n").map((offered) => offered.split("\t")[0]!);
}

Deno.test("fish completes the same", async (t) => {
  const lines: [line: string, ...offered: string[]][] = [
    ["net", "network"],
    ["help network r", "rm"],
    ["network rm ", "foo", "bar"],
    ["network create --sub", "--subnet"],
    ["network create --driver=ov", "--driver=overlay"],
    ["network create -o mt", "mtu="],
    ["-H unix:///other network rm ", "other"],
    ["service detach web ", "mine.foo"],
    ["run --net f", "foo"],
    ["run --rootfs /etc/hostn", "/etc/hostname"],
    ["run --rootfs=/etc/hostn", "--rootfs=/etc/hostname"],
    ["network bogus ", ""],
  ];
  for (const [line, ...offered] of lines) {
    await t.step(`netsvc ${line}`, async () => {
      assert.deepEqual((await inFish(line)).sort(), offered.sort());
    });
  }
  await t.step("netsvc exec web unsh", async () => {
    assert.ok((await inFish("exec web unsh")).includes("unshare"));
  });
});

Deno.test("what is offered says what it is, and how a shell goes on", async () => {
  assert.deepEqual(await answer(["netw"]), ["network\tManage networks", ":words"]);
  assert.deepEqual(await answer(["network", "ls", "-f", "na"]), ["name=", ":nospace"]);
  assert.deepEqual(await answer(["network", "ls", "--filter=scope=l"]), [
    "--filter=scope=local",
    ":words",
  ]);
  assert.deepEqual(await answer(["run", ""]), [":programs"]);
  assert.deepEqual(await answer(["run", "ls", ""]), [":files"]);
  assert.deepEqual(await answer([]), await answer([""]));
});

Deno.test("the program answers a shell, without a daemon, too", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const netsvc = (...words: string[]) => run([Deno.execPath(), "run", "-A", main, ...words]);
  const { stdout } = await netsvc("__complete", "network", "l");
  assert.equal(stdout, "ls\tList networks\n:words\n");
  const none = await netsvc("__complete", "-H", "unix:///nowhere", "network", "rm", "");
  assert.deepEqual({ stdout: none.stdout, code: none.code }, { stdout: ":words\n", code: 0 });
});

Deno.test("completion knows the options of the drivers, and the stores", () => {
  const drivers = createDrivers(new Runner({}), {} as OverlayHost);
  for (const name of DRIVERS) {
    assert.throws(() => drivers.get(name)!.validate({ nope: "1" }), ({ message }: Error) => {
      for (const key of message.split("known: ")[1]!.split(", ")) {
        assert.ok(OPTIONS.includes(`${key}=`), `option ${key} of ${name}`);
      }
      return true;
    });
  }
  assert.throws(() => parseStoreUrl("nope:x"), ({ message }: Error) => {
    for (const store of STORES) assert.ok(message.includes(store.replace(":", "")), store);
    return true;
  });
});

Deno.test("completion knows bash, zsh and fish", async () => {
  await assert.rejects(
    program.parseAsync(["completion", "tcsh"], { from: "user" }),
    /Unknown shell "tcsh"; use bash, zsh or fish/,
  );
});

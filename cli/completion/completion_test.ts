import assert from "node:assert/strict";
import type { OverlayHost } from "../../drivers/overlay/overlay_driver.ts";
import { createDrivers } from "../../drivers/registry.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { run } from "../../tests/harness/command.ts";
import { VALUES, WORDS } from "./completion_values.ts";
import { createProgram } from "../program.ts";

/** What bash offers behind some words, of which it takes `=` and `:` for words of their own. */
async function complete(script: string, ...words: string[]): Promise<string[]> {
  const pieces = words.flatMap((word) => {
    const split = word.split(/(?<=[=:])|(?=[=:])/);
    return /[=:]$/.test(word) ? [...split, ""] : split;
  });
  const { stdout, stderr, code } = await run([
    "bash",
    "-c",
    `
    netsvc() {
      if [ "$1" = -H ]; then [ "$2" = unix:///other ] && echo other; return; fi
      [ "$2" = ls ] && case "$1" in
        network) echo foo; echo bar ;;
        container) echo web ;;
        host) echo vm ;;
        service) if [ "$3" = -f ]; then echo mine.foo; else echo db.foo; echo mine.foo; fi ;;
      esac
    }
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _netsvc; printf '%s\\n' "\${COMPREPLY[@]}"
  `,
    "bash",
    script,
    "netsvc",
    ...pieces,
  ]);
  assert.equal(code, 0, stderr);
  // `compopt` has nothing to do outside of a completion.
  assert.equal(stderr.replaceAll(/^.*not currently executing completion function\n/gm, ""), "");
  return stdout.trim().split("\n");
}

/** What is offered behind the words; "…" stands for files and commands of this machine. */
const CASES: [line: string, ...offered: string[]][] = [
  ["net", "network"],
  ["network ", "create", "rm", "ls", "info", "inspect"],
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
  ["network ls --format ", "json", "table", "text"],
  ["network ls -l ", ""],
  ["-l ", "debug", "info", "warn", "error", "fatal"],
  ["-H ", "unix:///run/netsvc.sock", "tcp://"],
  ["-H unix:", "///run/netsvc.sock"],
  ["-H unix:///x network cr", "create"],
  ["-H unix:///other network rm ", "other"],
  ["--host=unix:///other network rm ", "other"],
  ["service attach ", "web"],
  ["service attach --alias a:b ", "web"],
  ["service attach web d", "db.foo"],
  ["service attach web db.foo ", ""],
  ["service detach web ", "mine.foo"],
  ["service unpublish db.foo ", "mine.foo"],
  ["run --net f", "foo"],
  ["run --net=f", "foo"],
  ["run --publish-service ", "db.foo", "mine.foo"],
  ["run --rootfs /etc/hostn", "/etc/hostname"],
  ["run --net foo -- unsh", "unshare"],
  ["run unshare --mou", ""],
  ["exec ", "web"],
  ["exec web unsh", "unshare"],
  ["exec web -- unsh", "unshare"],
  ["container kill -s SIGK", "SIGKILL"],
  ["kill --signal=SIGK", "SIGKILL"],
  ["ps -f st", "state="],
  ["inspect ", "web", "foo", "bar", "db.foo", "mine.foo", "vm"],
  ["host info vm ", ""],
  ["completion ", "bash", "zsh", "fish"],
  ["bogus ", ""],
  ["network bogus ", ""],
];

Deno.test("completion scripts complete commands, flags, values and names", async (t) => {
  const file = await Deno.makeTempFile();
  const { stdout } = await run([
    Deno.execPath(),
    "run",
    "-A",
    new URL("../../main.ts", import.meta.url).pathname,
    "completion",
    "bash",
  ]);
  await Deno.writeTextFile(file, stdout);
  // zsh runs it, too, and has a meaning of its own for some names: a local "path" is an empty PATH.
  const locals = [...stdout.matchAll(/^ *local (.*)$/gm)].flatMap(([, names]) =>
    names!.split(/\s+/).map((name) => name.split("=")[0]!)
  );
  for (const name of ["path", "commands", "words", "status", "options", "functions", "aliases"]) {
    assert.ok(!locals.includes(name), `a variable is called ${name}`);
  }
  try {
    for (const [line, ...offered] of CASES) {
      await t.step(`netsvc ${line}`, async () => {
        assert.deepEqual(await complete(file, ...line.split(" ")), offered);
      });
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("completion knows the options of the drivers, and the keys of the filters", async () => {
  const drivers = createDrivers(new Runner({}), {} as OverlayHost);
  for (const name of ["bridge", "overlay"]) {
    assert.throws(() => drivers.get(name)!.validate({ nope: "1" }), ({ message }: Error) => {
      for (const key of message.split("known: ")[1]!.split(", ")) {
        assert.ok(WORDS["option="]!.includes(`${key}=`), `option ${key} of ${name}`);
      }
      return true;
    });
  }
  const program = await createProgram({ daemon: () => Promise.resolve() });
  const filtered = Object.keys(VALUES).filter((key) => key.endsWith(" --filter"));
  assert.ok(filtered.length > 4);
  for (const key of filtered) {
    const words = [...key.replace(" --filter", "").split(" "), "-f", "nope=1"];
    // Refused before a daemon is asked.
    await assert.rejects(
      program.parseAsync(["-H", "unix:///nowhere", ...words], { from: "user" }),
      {
        message: new RegExp(
          `keys: ${WORDS[VALUES[key]!]!.map((word) => word.replace("=", "")).join(", ")} \\(see`,
        ),
      },
    );
  }
});

Deno.test("completion knows bash, zsh and fish", async () => {
  const program = await createProgram({ daemon: () => Promise.resolve() });
  await assert.rejects(
    program.parseAsync(["completion", "tcsh"], { from: "user" }),
    /Unknown shell "tcsh"; use bash, zsh or fish/,
  );
});

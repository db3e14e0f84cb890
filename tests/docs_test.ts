/** The manual is held against the program: what one has, the other has. */
import assert from "node:assert/strict";
import type { Command } from "commander";
import { settingsTable } from "../.ci/manual.ts";
import { commandPath } from "../cli/options/tree.ts";
import { createProgram } from "../cli/program.ts";
import { createDrivers } from "../drivers/registry.ts";
import { Runner } from "../lib/linux/tools/runner.ts";

const read = (name: string) => Deno.readTextFile(new URL(`../docs/${name}`, import.meta.url));
const commands = await read("commands.md");
const daemon = await read("daemon.md");
const networking = await read("networking.md");
const program = await createProgram({ daemon: () => Promise.resolve() });

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** What the manual's synopses say of a command: the words behind its path, up to the next one. */
function synopses(path: string): string[] {
  const blocks = commands.match(/^```\n[^]*?^```/gm)!.join("\n").replaceAll("`", "");
  return blocks.split(/(?=\bnetsvc [a-z])/).map((text) => text.trim().replaceAll(/\s+/g, " "))
    .filter((text) => text === path || text.startsWith(`${path} `));
}

const flagsIn = (text: string) =>
  new Set([...text.matchAll(/(?<![\w-])(--?[a-z][a-z0-9-]*)/gi)].map(([flag]) => flag));

/** Options of all listings, which one synopsis gives and the others shorten to `…`. */
const SHORTENED = ["container ls", "container info"];

for (const command of leaves(program)) {
  const path = commandPath(command);
  Deno.test(`docs/commands.md has "${path}" as it is`, () => {
    const words = path.replace("netsvc ", "");
    const found = synopses(path);
    if (found.length === 0) {
      assert.match(commands, new RegExp(`\`${path}`), "at least a sentence mentions it");
      return;
    }
    const documented = flagsIn(found[0]!.slice(path.length));
    for (const option of command.options) {
      if (SHORTENED.includes(words)) continue;
      const names = [option.short, option.long].filter((flag) => flag !== undefined);
      assert.ok(names.some((flag) => documented.has(flag!)), `${names.join(", ")} of ${path}`);
    }
    const known = new Set(command.options.flatMap(({ short, long }) => [short, long]));
    for (const flag of documented) assert.ok(known.has(flag), `${flag} of ${path}`);
  });
}

Deno.test("the manual has every command, and no other one", () => {
  const known = new Set(["netsvc help", ...leaves(program).map(commandPath)]);
  const groups = (command: Command): string[] =>
    command.commands.length === 0
      ? []
      : [commandPath(command), ...command.commands.flatMap(groups)];
  const all = new Set(program.commands.flatMap(groups));
  const code = commands.match(/^```\n[^]*?^```|`[^`\n]+`/gm)!.join("\n");
  for (const [text] of code.matchAll(/\bnetsvc [a-z]+(?: [a-z]+){0,2}/g)) {
    const [first, ...more] = text.split(" ").slice(1);
    let path = `netsvc ${first}`;
    while (all.has(path) && more.length > 0) path += ` ${more.shift()}`;
    assert.ok(known.has(path), path);
  }
});

Deno.test("the manual has every global option", () => {
  for (const { long } of program.options) {
    const name = long!.replace("--", "");
    assert.match(commands + daemon, new RegExp(`\`-*${name}[\`( ]`), long!);
  }
  const settings = [...daemon.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/`([a-z][a-z-]*)`/g)].map(([, name]) => `--${name}`)
  );
  const known = program.options.map(({ long }) => long);
  assert.ok(settings.length > 5);
  for (const setting of settings) assert.ok(known.includes(setting), setting);
});

Deno.test("the manual has every option of the bridge driver", () => {
  const bridge = createDrivers(new Runner({})).get("bridge")!;
  assert.throws(() => bridge.validate({ nope: "1" }), (error: Error) => {
    const known = error.message.split("known: ")[1]!.split(", ").sort();
    const section = networking.split(/^## /m).find((text) => text.startsWith("The bridge driver"))!;
    const documented = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!);
    assert.deepEqual(documented.sort(), known);
    return true;
  });
});

Deno.test("the manual's table of settings is made from them", () => {
  assert.ok(daemon.includes(`\n\n${settingsTable()}\n`), "run ./task manual");
});

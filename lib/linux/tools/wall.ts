/**
 * The second wall before the tools that run as root: whatever a planner returns, no line reaches them that
 * could be more than one command, or another one than those that netsvc uses. The first wall looks at
 * records where they come in; this one holds where a check there is missing. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";

/**
 * Characters that mean something to ip-batch(8) besides themselves (quotes, `#` and `\`), or to a shell,
 * and all control characters.
 */
// deno-lint-ignore no-control-regex -- these are what it is about
const SPECIAL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029"'`\\#$;|&<>(){}*?!]/;
/** What lines are about. `netns`, `vrf` and others run programs. */
const OBJECTS: Record<"ip" | "bridge", ReadonlySet<string>> = {
  ip: new Set(["link", "addr", "address", "route", "rule", "neigh"]),
  bridge: new Set(["fdb", "link", "vlan", "mdb"]),
};
/** Words that have a program run or a file loaded, wherever they stand. */
const COMMANDS = /^(exec|object|obj|pinned|xdp(generic|drv|offload)?|encap|bpf|-.*)$/;

/** Of a script of nft(8): it has lines and quotes, but no other control characters, nor variables. */
// deno-lint-ignore no-control-regex -- these are what it is about
const NOT_IN_NFT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\\`$']/;
/** Statements that read files, or concern others' tables. */
const NFT_STATEMENTS =
  /(^|[\n;{}])\s*(include|define|redefine|undefine|import)\b|\bflush\s+ruleset\b/;

function refuse(tool: string, what: string, text: string): never {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  throw new NetsvcError(
    "internal",
    `Refused to give ${tool} ${what}: ${JSON.stringify(shown)}; nothing of it was done`,
  );
}

/** Checks that each text of an operation is one word, and no option. @throws {NetsvcError} `internal` */
export function checkWords(tool: "ip" | "bridge", value: unknown): void {
  if (typeof value === "object") {
    for (const part of Object.values(value ?? {})) checkWords(tool, part);
  } else if (typeof value === "string" && !/^[^\s-]\S*$/.test(value)) {
    refuse(tool, "a word that isn't one", value);
  } else if (typeof value === "number" && !Number.isSafeInteger(value)) {
    refuse(tool, "a number that isn't one", String(value));
  }
}

/** Checks lines of ip-batch(8) or bridge(8). @throws {NetsvcError} `internal` naming the line */
export function checkLines(tool: "ip" | "bridge", lines: string[]): void {
  for (const line of lines) {
    if (SPECIAL.test(line)) refuse(tool, "a line with special characters", line);
    const [object = "", ...words] = line.split(" ");
    if (!OBJECTS[tool].has(object)) refuse(tool, "a command that netsvc doesn't use", line);
    if (words.some((word) => COMMANDS.test(word))) {
      refuse(tool, "a line with another command", line);
    }
  }
}

/** Checks a script of nft(8). @throws {NetsvcError} `internal` naming what is wrong with it */
export function checkScript(script: string): void {
  const at = script.search(NOT_IN_NFT);
  if (at >= 0) refuse("nft", "special characters", script.slice(Math.max(0, at - 40), at + 40));
  const statement = NFT_STATEMENTS.exec(script);
  if (statement) refuse("nft", "a command that netsvc doesn't use", statement[0].trim());
}

/** Checks the arguments of a tool, which no shell sees. @throws {NetsvcError} `internal` */
export function checkArguments(tool: string, args: string[]): void {
  for (const arg of args) {
    // deno-lint-ignore no-control-regex -- these are what it is about
    if (/[\u0000-\u001f\u007f]/.test(arg)) refuse(tool, "an argument with control characters", arg);
  }
}

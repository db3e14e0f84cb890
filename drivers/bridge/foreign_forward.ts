/**
 * Where another owner drops what is forwarded (Docker sets the policy of FORWARD to DROP), an accept
 * of ours in our own table doesn't help: netsvc asks for an exception where that owner looks for
 * one, in DOCKER-USER, else in FORWARD itself. Policies are never touched.
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import type { Runner, Tool } from "../runner.ts";

/** By this comment netsvc's rules are known. */
const COMMENT = "netsvc";

/** The rules wanted for interfaces (`nsb+` is a pattern), without the chain. */
function wantedRules(interfaces: string[]): string[][] {
  return interfaces.flatMap((name) =>
    ["-i", "-o"].map((flag) => [flag, name, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"])
  );
}

async function mendFamily(runner: Runner, tool: Tool, interfaces: string[]): Promise<string[]> {
  const listing = await runner.run({ tool, args: ["-w", "5", "-S"] });
  const lines = listing.split("\n");
  const chain = lines.includes("-N DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
  const dropped = lines.includes("-P FORWARD DROP");
  const present = lines.filter((line) => line.includes(`--comment ${COMMENT} `));
  const done: string[] = [];
  const wanted = dropped ? wantedRules(interfaces) : [];
  for (const rule of wanted) {
    if (present.includes(`-A ${chain} ${rule.join(" ")}`)) continue;
    await runner.run({ tool, args: ["-w", "5", "-I", chain, ...rule] });
    done.push(`Let ${rule[0]} ${rule[1]} pass ${chain} of ${tool}, where others drop`);
  }
  for (const line of present) {
    const [, at, ...rule] = line.split(" ");
    if (wanted.some((w) => at === chain && w.join(" ") === rule.join(" "))) continue;
    await runner.run({ tool, args: ["-w", "5", "-D", at!, ...rule] });
  }
  return done;
}

/** Sees to the exceptions for these interfaces; without any, takes them away. */
export async function mendForeignForward(runner: Runner, interfaces: string[]): Promise<string[]> {
  const done: string[] = [];
  for (const tool of ["iptables", "ip6tables"] as const) {
    try {
      done.push(...await mendFamily(runner, tool, interfaces));
    } catch (error) {
      // Without the tool, nobody uses its tables here.
      if (error instanceof NetsvcError && error.code === "unsupported") continue;
      throw error;
    }
  }
  return done;
}

/**
 * Checks whether the programs that the daemon calls are installed.
 *
 * @module
 */
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import type { Tool } from "../../../lib/linux/tools/tool_error.ts";
import { findProgram, installHint, NETWORK_TOOLS, TOOLS } from "../../../lib/linux/tools/tools.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";

const { ok, warning, problem } = findingsOf("tools");

/** Programs whose flag for the version isn't `--version`. */
const VERSION_FLAGS: Partial<Record<Tool, string>> = { ip: "-V", bridge: "-V" };

/** Programs that another check looks for, where they are needed. */
const ELSEWHERE = new Set(["wg"]);

async function version(runner: Runner, tool: Tool): Promise<string> {
  const args = [VERSION_FLAGS[tool] ?? "--version"];
  const text = await runner.run({ tool, args }).catch(() => "");
  return text.match(/\d+\.\d+(\.\d+)*/)?.[0] ?? "";
}

export async function checkTools({ runner }: CheckContext): Promise<Finding[]> {
  const names = Object.keys(TOOLS).filter((name) => !ELSEWHERE.has(name));
  const missing = names.filter((name) => findProgram(name) === undefined);
  const found = await Promise.all(
    names.filter((name) => !missing.includes(name)).map(async (name) =>
      name in NETWORK_TOOLS ? `${name} ${await version(runner, name as Tool)}`.trim() : name
    ),
  );
  return [
    ...found.length > 0 ? [ok(`There are ${found.join(", ")}`)] : [],
    ...missing.map((name) => {
      const { optional } = TOOLS[name]!;
      const what = `The program "${name}" is missing`;
      return optional === undefined
        ? problem(what, installHint(name))
        : warning(`${what}: ${optional}`, installHint(name));
    }),
  ];
}

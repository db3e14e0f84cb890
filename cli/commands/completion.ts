/**
 * `netsvc completion`.
 *
 * @module
 */
import type { Command } from "commander";
import { argument } from "../completion/declare.ts";
import { SCRIPTS } from "../completion/scripts.ts";
import { print } from "../context.ts";
import { usageError } from "../options/usage.ts";

const SHELLS = Object.keys(SCRIPTS);

export function addCompletionCommand(program: Command): void {
  program.command("completion").description("Print a completion script for bash, zsh or fish")
    .addArgument(argument("<SHELL>").completedBy(SHELLS)).usage("bash|zsh|fish")
    .action((shell: string) => {
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
      if (script !== undefined) return print(script);
      throw usageError("completion", `Unknown shell "${shell}"; use bash, zsh or fish`);
    });
}

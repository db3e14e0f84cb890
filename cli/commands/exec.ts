/**
 * `netsvc exec`.
 *
 * @module
 */
import type { Command } from "commander";
import { argument } from "../completion/declare.ts";
import { containers } from "../completion/objects.ts";
import { clientFor, QuietExit } from "../context.ts";
import { usageError } from "../options/usage.ts";
import { launch } from "../run/launcher.ts";
import { checkSocket, planFor } from "../run/launch_plan.ts";
import {
  addProcessOptions,
  own,
  type ProcessOptions,
  processSpec,
} from "../run/process_options.ts";

async function exec(
  container: string,
  words: string[],
  options: ProcessOptions,
  command: Command,
): Promise<void> {
  const argv = words[0] === "--" ? words.slice(1) : words;
  using client = clientFor(command);
  if (argv.length === 0) {
    throw usageError("exec", "Give a command to run");
  }
  const interactive = options.interactive ?? false;
  checkSocket(client.socket, "exec");
  const exitCode = await own(launch(async () => {
    const spec = {
      ...processSpec(argv, { ...options, of: "exec" }),
      terminal: interactive && Deno.stdin.isTerminal(),
    };
    return planFor(await client.processes.exec(container, spec), spec);
  }, {
    interactive,
    started: async () => {},
    signal: (signal, pid, depth) => client.processes.kill(container, { signal, pid, depth }),
  }));
  throw new QuietExit(exitCode);
}

export function addExecCommand(program: Command): void {
  addProcessOptions(program.command("exec").description("Run a command in a container"))
    .addArgument(argument("<CONTAINER>").completedBy(containers))
    .addArgument(argument("[COMMAND...]").completedBy("programs"))
    .usage("[OPTIONS] CONTAINER -- COMMAND [ARG...]").passThroughOptions()
    .action(exec);
}

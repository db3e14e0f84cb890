/**
 * `run --runtime docker|podman`: the other program makes and starts the container, netsvc attaches it to
 * its networks.
 *
 * @module
 */
import type { Command } from "commander";
import type { CreateContainer } from "../../lib/api/types.ts";
import type { Client } from "../client/client.ts";
import { clientFor, print, QuietExit } from "../context.ts";
import { usageError } from "../options/usage.ts";
import { placement } from "./placement.ts";
import { own } from "./process_options.ts";
import type { RunOptions } from "./run_options.ts";
import { RuntimeCommand, type RuntimeName, unlessEnded } from "./runtime.ts";

/** Which runtime is meant. @throws {NetsvcError} a usage error, also about what goes with none */
function runtimeOf({ runtime, rootfs, privileged }: RunOptions): RuntimeName {
  if (runtime !== "docker" && runtime !== "podman") {
    throw usageError("run", `Unknown runtime ${JSON.stringify(runtime)}; use docker or podman`);
  }
  if (rootfs !== undefined) {
    throw usageError("run", "--rootfs is for netsvc's own containers; give an image");
  }
  if (privileged) {
    throw usageError("run", "--privileged is for a --rootfs; give it to the runtime's own command");
  }
  return runtime;
}

/** The words of the runtime's own command that make the container. */
function createWords([image, ...words]: [string, ...string[]], options: RunOptions): string[] {
  return [
    ...["create", "--network", "none"],
    ...options.name === undefined ? [] : ["--name", options.name],
    ...options.hostname === undefined ? [] : ["--hostname", options.hostname],
    ...options.env.flatMap((text) => ["--env", text]),
    ...options.workdir === undefined ? [] : ["--workdir", options.workdir],
    ...options.interactive ? ["--interactive"] : [],
    ...options.tty ? ["--tty"] : [],
    ...options.rm ? ["--rm"] : [],
    ...[image, ...words],
  ];
}

/** A container that the runtime has made, to be started and attached. */
interface Made {
  id: string;
  program: RuntimeCommand;
  client: Client;
  request: CreateContainer;
}

/** Runs an image. @throws {QuietExit} with the status of its command */
export async function runWithEngine(
  words: string[],
  { options, command }: { options: RunOptions; command: Command },
): Promise<void> {
  const runtime = runtimeOf(options);
  const [image, ...rest] = words[0] === "--" ? words.slice(1) : words;
  if (image === undefined) throw usageError("run", "Give an image");
  const { name: _, hostname: __, ...wanted } = placement(options);
  using client = clientFor(command);
  const program = new RuntimeCommand(runtime, runtime === "docker" ? client.socket : undefined);
  const id = (await own(program.output(createWords([image, ...rest], options)))).trim();
  const made: Made = { id, program, client, request: { ...wanted, foreign: `${runtime}:${id}` } };
  try {
    // No container runs that can't be attached; where the runtime can wait, none runs before it is attached.
    await start(made, options, { waits: runtime === "podman" });
  } catch (error) {
    if (error instanceof QuietExit) throw error;
    // The first failure is the one to tell.
    await program.output(["rm", "--force", id]).catch(() => {});
    throw error;
  }
}

async function start(
  { id, program, client, request }: Made,
  options: RunOptions,
  { waits }: { waits: boolean },
): Promise<void> {
  const attach = async () => {
    await own(client.containers.create(request));
  };
  if (!waits) await own(client.containers.expect(request));
  else {
    await own(program.output(["init", id]));
    await attach();
  }
  if (options.detach) {
    await own(program.output(["start", id]));
    if (!waits) await attach().catch(unlessEnded);
    return print(`${id}\n`);
  }
  throw new QuietExit(
    await program.startAttached(id, {
      interactive: options.interactive ?? false,
      ...!waits && { started: attach },
    }),
  );
}

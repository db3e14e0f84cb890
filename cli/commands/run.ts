/**
 * `netsvc run`.
 *
 * @module
 */
import type { Command } from "commander";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { CreateContainer } from "../../lib/api/types.ts";
import type { Client } from "../client/client.ts";
import { clientFor, print, QuietExit, warn } from "../context.ts";
import { usageError } from "../options/usage.ts";
import { runWithEngine } from "../run/engine_run.ts";
import { launch } from "../run/launcher.ts";
import { checkSocket, planFor } from "../run/launch_plan.ts";
import { placement, tellPorts } from "../run/placement.ts";
import { own, processSpec } from "../run/process_options.ts";
import { addRunOptions, type RunOptions } from "../run/run_options.ts";

async function runForeground(
  client: Client,
  request: CreateContainer,
  interactive: boolean,
): Promise<number> {
  checkSocket(client.socket, "run");
  let id = "";
  let exitCode: number;
  try {
    exitCode = await launch(async () => {
      const container = await client.containers.create(request);
      id = container.id;
      tellPorts(request.ports ?? [], container);
      const terminal = interactive && Deno.stdin.isTerminal();
      return planFor(await client.processes.launch(id, { terminal }), {
        ...request.process!,
        terminal,
      });
    }, {
      interactive,
      started: async (pid) => {
        await client.processes.started(id, pid);
      },
      signal: (signal) => client.processes.kill(id, { signal }),
    });
  } catch (error) {
    // The first failure is the one to tell.
    if (id !== "") await client.containers.remove(id, true).catch(() => {});
    return await own(Promise.reject(error));
  }
  await client.processes.exited(id, exitCode).catch((error) => {
    // Another client removed it meanwhile, or the daemon notices the end itself when it is back.
    if (error.code !== "not_found") warn(error.message);
  });
  return exitCode;
}

async function run(words: string[], options: RunOptions, command: Command): Promise<void> {
  if (options.runtime !== undefined && options.runtime !== "netsvc") {
    return await runWithEngine(words, { options, command });
  }
  if (options.rootfs === undefined) {
    refuseImage(words);
    if (options.privileged) {
      throw usageError("run", "--privileged goes with --rootfs; without it nothing is kept anyway");
    }
  }
  const request: CreateContainer = {
    ...placement(options),
    process: {
      ...processSpec(words, { ...options, of: "run" }),
      ...options.rootfs !== undefined && { rootfs: absolute(options.rootfs) },
      ...options.privileged && { privileged: true },
    },
    autoRemove: options.rm ?? false,
    ...endings(options),
  };
  using client = clientFor(command);
  if (!options.detach) {
    throw new QuietExit(await runForeground(client, request, options.interactive ?? false));
  }
  const container = await own(client.containers.create(request));
  const { id } = container;
  try {
    await client.processes.start(id);
  } catch (error) {
    await client.containers.remove(id, true).catch(() => {}); // It may be gone already.
    await own(Promise.reject(error));
  }
  tellPorts(request.ports ?? [], container);
  print(`${id}\n`);
}

/** The fields of a request about the container's end and restart. @throws {NetsvcError} `invalid` */
function endings({ restart, stopSignal, stopTimeout, detach }: RunOptions) {
  if (restart !== undefined && restart !== "no" && !detach) {
    throw usageError("run", "--restart is for containers that the daemon starts; add -d");
  }
  if (stopTimeout !== undefined && !/^\d{1,5}$/.test(stopTimeout)) {
    throw usageError("run", `Invalid --stop-timeout ${JSON.stringify(stopTimeout)}; give seconds`);
  }
  return {
    ...restart !== undefined && { restart },
    ...stopSignal !== undefined && { stopSignal: stopSignal.toUpperCase() },
    ...stopTimeout !== undefined && { stopTimeout: Number(stopTimeout) },
  };
}

/** A name with a tag or a digest, as images have it and no program does: `nginx:1.27`, `a/b@sha256:…`. */
const IMAGE =
  /^[a-z0-9][a-z0-9._-]*(?::\d+)?(?:\/[a-z0-9._-]+)*(?::[\w][\w.-]*|@sha256:[0-9a-f]+)$/;

/** Refuses an image and explains what `run` starts. @throws {NetsvcError} `invalid`, with a shell's 127 */
function refuseImage([first, ...rest]: string[]): void {
  const word = first === "--" ? rest[0] : first;
  if (word === undefined || !IMAGE.test(word)) return;
  throw new NetsvcError(
    "invalid",
    `Cannot run "${word}": that is the name of an image, and run starts commands of this host; give ` +
      `--runtime docker or --runtime podman`,
    { exitCode: 127 },
  );
}

/** A path of this machine, from where the user stands. */
function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

export function addRunCommand(program: Command): void {
  addRunOptions(program.command("run").description("Run a command of this host in a new container"))
    .action(run);
}

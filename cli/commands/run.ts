/**
 * `netsvc run` and `netsvc exec`.
 *
 * @module
 */
import type { Command } from "commander";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { CreateContainer } from "../../lib/api/types.ts";
import type { Client } from "../client/client.ts";
import {
  addPlacementOptions,
  placement,
  type PlacementOptions,
  tellPorts,
} from "../run/placement.ts";
import { collect } from "../options/collect.ts";
import { clientFor, print, QuietExit, warn } from "../context.ts";
import { parseKeyValues } from "../options/key_values.ts";
import { launch } from "../run/launcher.ts";
import { checkSocket, planFor } from "../run/launch_plan.ts";
import { RuntimeCommand, unlessEnded } from "../run/runtime.ts";
import { usageError } from "../options/usage.ts";

/** Exit status of netsvc's own failures, as `docker run` has it. */
const OWN_FAILURE = 125;

interface ProcessOptions {
  interactive?: boolean;
  tty?: boolean;
  env: string[];
  workdir?: string;
}

interface RunOptions extends PlacementOptions, ProcessOptions {
  runtime?: string;
  detach?: boolean;
  rm?: boolean;
  rootfs?: string;
  restart?: string;
  stopSignal?: string;
  stopTimeout?: string;
  privileged?: boolean;
}

function addProcessOptions(command: Command): Command {
  return command
    .option("-i, --interactive", "Pass standard input on")
    .option("-t, --tty", "Give it a terminal")
    .option("-e, --env <KEY=VALUE>", "Environment variable (repeatable)", collect, [])
    .option("-w, --workdir <DIR>", "Directory to work in");
}

function processSpec(path: string, command: string[], options: ProcessOptions) {
  return {
    command,
    env: parseKeyValues(path, "--env", options.env.flatMap(inherited), { lastWins: true }),
    ...options.workdir !== undefined && { workdir: options.workdir },
    tty: options.tty ?? false,
    interactive: options.interactive ?? false,
  };
}

/** `-e KEY` alone passes this program's own value on, if there is one. */
function inherited(text: string): string[] {
  if (text === "" || text.includes("=")) return [text];
  const own = Deno.env.get(text);
  return own === undefined ? [] : [`${text}=${own}`];
}

/** netsvc's own failures end with 125, unless the daemon knows a better status. */
async function own<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    if (!(error instanceof NetsvcError)) throw error;
    const exitCode = error.exitCode === 1 ? OWN_FAILURE : error.exitCode;
    throw new NetsvcError(error.code, error.message, { cause: error.cause, exitCode });
  }
}

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
      started: async (pid) => void await client.processes.started(id, pid),
      signal: (signal) => client.processes.kill(id, { signal }),
    });
  } catch (error) {
    // The first failure is the one to tell.
    if (id !== "") await client.containers.remove(id, true).catch(() => {});
    return await own(Promise.reject(error));
  }
  await client.processes.exited(id, exitCode).catch((error) => {
    // Somebody removed it meanwhile, or the daemon finds out by itself when it is back.
    if (error.code !== "not_found") warn(error.message);
  });
  return exitCode;
}

async function run(words: string[], options: RunOptions, command: Command): Promise<void> {
  if (options.runtime !== undefined && options.runtime !== "netsvc") {
    return await runForeign(words, options, command);
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
      ...processSpec("run", words, options),
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

/** What is said of a container's end. @throws {NetsvcError} `invalid` */
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

/** Whoever comes from Docker is told what runs here. @throws {NetsvcError} `invalid`, as a shell's 127 */
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

/** `run --runtime docker|podman`: IMAGE and what follows are the other program's. */
async function runForeign(
  [image, ...words]: string[],
  options: RunOptions,
  command: Command,
): Promise<void> {
  const { runtime } = options;
  if (runtime !== "docker" && runtime !== "podman") {
    throw usageError("run", `Unknown runtime ${JSON.stringify(runtime)}; use docker or podman`);
  }
  if (options.rootfs !== undefined) {
    throw usageError("run", "--rootfs is for netsvc's own containers; give an image");
  }
  if (options.privileged) {
    throw usageError("run", "--privileged is for a --rootfs; give it to the runtime's own command");
  }
  if (image === "--") [image, ...words] = words;
  if (image === undefined) throw usageError("run", "Give an image");
  const { name: _, hostname: __, ...wanted } = placement(options);
  using client = clientFor(command);
  const program = new RuntimeCommand(runtime, runtime === "docker" ? client.socket : undefined);
  const make = [
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
  const id = (await own(program.output(make))).trim();
  const request = { ...wanted, foreign: `${runtime}:${id}` };
  const attach = () => own(client.containers.create(request));
  try {
    // Nothing runs that can't be joined; where the runtime can wait, nothing before it is.
    const waits = runtime === "podman";
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
        ...!waits && { started: async () => void await attach() },
      }),
    );
  } catch (error) {
    if (error instanceof QuietExit) throw error;
    // The first failure is the one to tell.
    await program.output(["rm", "--force", id]).catch(() => {});
    throw error;
  }
}

/** A path of this machine, from where the user stands. */
function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

async function exec(words: string[], options: ProcessOptions, command: Command): Promise<void> {
  const [container, ...argv] = words as [string, ...string[]];
  if (argv[0] === "--") argv.shift();
  using client = clientFor(command);
  if (argv.length === 0) {
    throw new NetsvcError("invalid", "Give a command to run (see 'netsvc exec --help')", {
      exitCode: 2,
    });
  }
  const interactive = options.interactive ?? false;
  checkSocket(client.socket, "exec");
  const exitCode = await own(launch(async () => {
    const spec = {
      ...processSpec("exec", argv, options),
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

/** Adds both commands. */
export function addRunCommands(program: Command): void {
  addPlacementOptions(addProcessOptions(
    program.command("run").description("Run a command of this host in a new container"),
  ))
    .argument("<COMMAND...>").usage("[OPTIONS] -- COMMAND [ARG...]").passThroughOptions()
    .option("-d, --detach", "Leave it running and print its id")
    .option("--rm", "Remove the container when its command ends")
    .option(
      "--restart <POLICY>",
      "With -d: no, always, unless-stopped, on-failure[:N]; start it again when it ends, or the host boots",
    )
    .option("--stop-signal <SIGNAL>", "Signal that stops it (SIGTERM)")
    .option("--stop-timeout <SECONDS>", "Seconds until it is killed when it is stopped (10)")
    .option("--rootfs <DIR>", "Directory that becomes its /; else it has the host's files")
    .option("--privileged", "With --rootfs: all capabilities and devices of the host's root")
    .option("--runtime <RUNTIME>", "docker or podman: COMMAND is an image and its command")
    .action(run);
  addProcessOptions(program.command("exec").description("Run a command in a container"))
    .argument("<CONTAINER COMMAND...>").usage("[OPTIONS] CONTAINER -- COMMAND [ARG...]")
    .passThroughOptions()
    .action(exec);
}

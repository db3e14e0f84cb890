/**
 * The processes of containers.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { text } from "./fields.ts";

/** Largest process id of Linux on 64 bits (proc_sys_kernel(5), `pid_max`). */
const MAX_PID = 4_194_304;
/** Longest word of a command line, in bytes (execve(2), `MAX_ARG_STRLEN`). */
const MAX_WORD = 131_072;

const pid = z.int().min(2).max(MAX_PID);
const word = z.string().max(MAX_WORD).refine((s) => !s.includes("\0"), "holds a NUL byte");

/** Name of a signal. */
export const signal = z.string().regex(/^(SIG)?[A-Z][A-Z0-9]+$/);
/** How long a process may take to stop, in seconds. */
export const stopTimeout = z.int().min(0).max(86_400);

const command = {
  command: z.array(word).min(1).max(4096),
  env: z.record(z.string().max(1024), word).exactOptional(),
  workdir: text(4096).describe("Absolute path inside the container").exactOptional(),
  tty: z.boolean().exactOptional(),
  interactive: z.boolean().exactOptional(),
};

/** The process of a container. */
export const ProcessSpec = z.strictObject({
  ...command,
  rootfs: text(4096).describe("Directory of the daemon's machine that becomes the container's /")
    .exactOptional(),
  privileged: z.boolean()
    .describe("With a root of its own: all capabilities, and all of /proc, /sys and /dev")
    .exactOptional(),
}).openapi("ProcessSpec");

const terminal = z.boolean()
  .describe("The client's standard input is a terminal, which the process gets").exactOptional();

/** Body of `POST /containers/{ref}/exec`. */
export const ExecSpec = z.strictObject({ ...command, terminal }).openapi("ExecSpec");

/** Body of `POST /containers/{ref}/launch`. */
export const LaunchContainer = z.strictObject({ terminal }).openapi("LaunchContainer");

const launched = {
  command: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  hostname: z.string(),
  tty: z.boolean(),
  terminal: z.boolean()
    .describe("The starter's own standard input is a terminal: no new one is made"),
  rootfs: z.string().describe("Absolute path on the host; empty for the host's own root"),
  privileged: z.boolean().describe("With a root of its own: nothing is kept from it"),
};

/** Parameters of a container's process, with paths and ids of the daemon's machine. */
export const Launch = z.object({
  ...launched,
  workdir: z.string(),
  namespace: z.string().describe("Path of the network namespace"),
  ownNetwork: z.boolean().describe("The namespace isn't the host's"),
  namespaces: z.string().describe("Directory of all namespaces' mounts"),
  binds: z.array(z.tuple([z.string(), z.string()]))
    .describe("Files to bind over others: source on the host, target in the container"),
  pidFile: z.string().describe("Where the process id goes"),
  statusFile: z.string().describe("Where the exit status goes; empty: nowhere"),
  logFile: z.string()
    .describe("Where output is appended; empty: it goes to the standard streams"),
});

/** Parameters of a further process in a running container. */
export const Exec = z.object({
  ...launched,
  workdir: z.string().describe("Absent: where the container's own command works").exactOptional(),
  pid: z.int()
    .describe("A process inside the container, as the host counts, whose namespaces are entered"),
  begun: z.string().describe("When that began (proc_pid_stat(5)): numbers are given again"),
});

/**
 * What a client on the daemon's machine needs to know to start a process in a sandbox, with its own
 * standard streams: no program and no word of a command line, which the client makes by itself.
 */
export const LaunchSpec = z.union([z.object({ start: Launch }), z.object({ exec: Exec })])
  .openapi("LaunchSpec");

/** Body of `POST /containers/{ref}/stop` and `…/restart`; what is absent is as it was created with. */
export const StopContainer = z.strictObject({
  signal: signal.exactOptional(),
  timeout: stopTimeout.describe("Seconds until it is killed").exactOptional(),
}).openapi("StopContainer");

/** Body of `POST /containers/{ref}/started`. */
export const StartedProcess = z.strictObject({ pid }).openapi("StartedProcess");

/** Body of `POST /containers/{ref}/exited`. */
export const ExitedProcess = z.strictObject({ exitCode: z.int().min(0).max(255) })
  .openapi("ExitedProcess");

/** Body of `POST /containers/{ref}/kill`. */
export const KillContainer = z.strictObject({
  signal: text(16).describe("Name like SIGTERM"),
  pid: pid.describe("The process of an exec that the client started on the daemon's machine")
    .exactOptional(),
  depth: z.int().min(0).max(8).describe("First-child steps below pid, from the launch plan")
    .exactOptional(),
}).openapi("KillContainer");

/** Answer of `POST /containers/{ref}/wait`. */
export const WaitResult = z.object({
  done: z.boolean().describe("false: the request's own deadline came first"),
  exitCode: z.int().exactOptional(),
}).openapi("WaitResult");

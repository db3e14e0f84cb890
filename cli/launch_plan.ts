/**
 * The command line that the client runs as whoever started it, root as a rule. A daemon says where the
 * sandbox is; what is run, and by which programs, is the client's own. What isn't as netsvc's daemon
 * has it is refused, whoever answers.
 *
 * @module
 */
import { INIT, type LaunchPlan, planOf } from "../server/sandbox/launch.ts";
import { NetsvcError } from "../server/wire/errors.ts";
import type { Exec, Launch, LaunchPaths, LaunchSpec, ProcessSpec } from "../server/wire/types.ts";

/** The programs that a launch calls by netsvc's name; busybox is many. */
const PROGRAMS = /^(\/usr)?\/bin\/(unshare|nsenter|busybox)$/;
/** Files that the daemon keeps of a container. */
const OWN_FILE = /^\/.+\/containers\/[0-9a-f]{64}\/[a-z.]+$/;

function refuse(what: string): never {
  throw new NetsvcError(
    "forbidden",
    `The daemon's answer isn't what netsvc's is (${what}), so nothing is run; restart it if it is ` +
      `of another version`,
    { exitCode: 125 },
  );
}

/** Whether nobody but root and this user can have put it there. */
function isTrusted(path: string): boolean {
  try {
    const { uid, mode } = Deno.statSync(path);
    return (uid === 0 || uid === Deno.uid()) && ((mode ?? 0) & 0o022) === 0;
  } catch {
    return false;
  }
}

/** Foreground processes are started on the daemon's machine: by its socket, if that is root's. */
export function checkSocket(socket: string | undefined, command: string): void {
  if (socket === undefined) {
    throw new NetsvcError(
      "invalid",
      `${command} in the foreground works on the daemon's own machine, by its unix socket; ` +
        (command === "run" ? "use -d, or log in there" : "log in there"),
      { exitCode: 125 },
    );
  }
  if (Deno.uid() !== 0) {
    throw new NetsvcError("forbidden", `${command} in the foreground needs root; use sudo`, {
      exitCode: 125,
    });
  }
  let owner: number | null;
  try {
    owner = Deno.statSync(socket).uid;
  } catch {
    return; // Nobody is there: the request says so.
  }
  if (owner === 0 || owner === Deno.uid()) return;
  throw new NetsvcError(
    "forbidden",
    `The socket "${socket}" belongs to another user, who could have anything run here; ask for ` +
      `the daemon's own with -H`,
    { exitCode: 125 },
  );
}

/** Programs and scripts that a daemon may name: netsvc's, or the system's under netsvc's name. */
function checkPaths({ init, unshare, nsenter }: LaunchPaths): void {
  for (const path of [unshare, nsenter]) {
    let program = "";
    try {
      program = Deno.realPathSync(path);
    } catch {
      // Refused below.
    }
    if (!PROGRAMS.test(program)) refuse(`"${path}" is no tool of its`);
  }
  let script = "";
  try {
    script = Deno.readTextFileSync(init);
  } catch {
    // Refused below.
  }
  if (script !== INIT || !isTrusted(init)) refuse(`"${init}" is no script of its`);
}

function checkWords(what: object): void {
  for (const [name, value] of Object.entries(what)) {
    const words = Array.isArray(value) ? value.flat() : typeof value === "object" ? [] : [value];
    for (const word of words) {
      if (typeof word === "string" && word.includes("\0")) refuse(name);
    }
  }
}

function checkStart(launch: Launch): void {
  const { pidFile, statusFile, logFile, namespace, namespaces, binds, hostname } = launch;
  const files = [pidFile, statusFile].filter((path) => path !== "" && path !== "/dev/null");
  if (!files.every((path) => OWN_FILE.test(path)) || logFile !== "") refuse("its files");
  const absolute = [namespace, namespaces, ...binds.flat()];
  if (!absolute.every((path) => /^\//.test(path))) refuse("its paths");
  if (!/^(\w[\w.-]*)?$/.test(hostname)) refuse("its host name");
}

/** The command line for what this client wants run; of the answer only the place counts. */
export function planFor(
  spec: LaunchSpec,
  own: ProcessSpec & { terminal: boolean },
): LaunchPlan {
  const { command, tty = false, terminal, env = {}, workdir, rootfs } = own;
  const words = { command, env, tty, terminal };
  try {
    const given: Launch | Exec = "start" in spec ? spec.start : spec.exec;
    checkWords(given);
    checkPaths(given.paths);
    if (!("start" in spec)) {
      const { pid, paths, hostname } = spec.exec;
      if (!Number.isInteger(pid) || pid <= 1) refuse("its process");
      const exec = { paths, hostname, pid, ...words, ...workdir !== undefined && { workdir } };
      return planOf({ exec });
    }
    checkStart(spec.start);
    const root = rootfs === undefined ? "" : Deno.realPathSync(rootfs);
    if (spec.start.rootfs !== (root === "/" ? "" : root)) refuse("its root");
    return planOf({ start: { ...spec.start, ...words, workdir: workdir ?? "/" } });
  } catch (error) {
    if (error instanceof NetsvcError) throw error;
    return refuse("its form");
  }
}

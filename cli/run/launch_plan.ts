/**
 * The command line that the client runs as whoever started it, root as a rule. A daemon says where the
 * sandbox is; what is run, and by which programs, is the client's own. What isn't as netsvc's daemon
 * has it is refused, whoever answers.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Launch, LaunchSpec, ProcessSpec } from "../../lib/api/types.ts";

/** Files that the daemon keeps of a container. */
const OWN_FILE = /^\/.+\/containers\/[0-9a-f]{64}\/[a-z.]+$/;

function refuse(what: string): never {
  throw new NetsvcError(
    "forbidden",
    `The daemon's answer does not have netsvc's form (${what}), so nothing is run; restart it if it is ` +
      `of another version`,
    { exitCode: 125 },
  );
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

/** What this client wants run, and where; of the answer only the place counts. */
export function planFor(
  spec: LaunchSpec,
  own: ProcessSpec & { terminal: boolean },
): LaunchSpec {
  const { command, tty = false, terminal, env = {}, workdir, rootfs } = own;
  const words = { command, env, tty, terminal };
  try {
    checkWords("start" in spec ? spec.start : spec.exec);
    if (!("start" in spec)) {
      const { pid, begun, hostname, rootfs, privileged } = spec.exec;
      if (!Number.isInteger(pid) || pid <= 1 || !/^\d+$/.test(begun)) refuse("its process");
      const place = { pid, begun, hostname, rootfs, privileged };
      return { exec: { ...place, ...words, ...workdir !== undefined && { workdir } } };
    }
    checkStart(spec.start);
    const root = rootfs === undefined ? "" : Deno.realPathSync(rootfs);
    if (spec.start.rootfs !== (root === "/" ? "" : root)) refuse("its root");
    const privileged = own.privileged ?? false;
    return { start: { ...spec.start, ...words, privileged, workdir: workdir ?? "/" } };
  } catch (error) {
    if (error instanceof NetsvcError) throw error;
    return refuse("its form");
  }
}

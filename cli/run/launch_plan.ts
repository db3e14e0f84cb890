/**
 * The command line that the client runs as the user who started it, usually root. A daemon says where the
 * sandbox is; the client alone decides the command and the programs that run it. It refuses an answer that
 * isn't of the form that netsvc's daemon sends, since another program may listen at the socket.
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
    return; // There is no socket: the request reports that.
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

/** The plan of the client's own command; of the answer it uses only the place. */
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

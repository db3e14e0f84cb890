/**
 * Turns a process specification into the command line that starts it in a sandbox. Pure: what is
 * run is decided here, word by word; the two shell scripts are constants, and everything that a
 * client sent reaches them as positional parameters or environment, never as text to be parsed.
 *
 * The chain: a shell that notes its process id, `nsenter` into the network namespace, `unshare` of
 * mount, UTS and PID namespaces, a shell as init (it sets up the mounts, reaps, and keeps the
 * status), and the command, with a clean environment, under `unshare --root --wd`.
 *
 * @module
 */
import type { Exec, Launch, LaunchSpec } from "../wire/types.ts";

/** Notes the id of the process that becomes nsenter and then unshare; optionally logs its output. */
const OUTER = `
echo $$ > "$1"
if [ -n "$2" ]; then exec >>"$2" 2>&1; fi
umask 022
shift 2
exec "$@"
`;

/** Runs as init of the container's PID namespace; a file has it (see `launch_files.ts`). */
export const INIT = `
set -e
name=$1 namespaces=$2 root=$3 status=$4 own=$5
shift 5
[ -z "$name" ] || echo "$name" > /proc/sys/kernel/hostname
if [ -n "$root" ]; then
  if [ -d "$root/dev" ]; then mount --rbind /dev "$root/dev"; fi
fi
if [ -d "$root/proc" ]; then mount -t proc proc "$root/proc"; fi
# That of the host's own network may be there already, and the kernel mounts none over itself.
if [ -d "$root/sys" ]; then mount -t sysfs sysfs "$root/sys" 2>/dev/null || [ -z "$own" ]; fi
while [ "$1" != -- ]; do
  mount --bind "$1" "$2"
  shift 2
done
shift
# No mount there is no error; a signal that was meant for the container is one.
umount -l "$namespaces" 2>/dev/null || { code=$?; [ $code -lt 128 ] || exit $code; }
set +e
"$@"
code=$?
[ -z "$status" ] || echo $code > "$status"
exit $code
`;

/** Gives the command a terminal of its own: script(1) has it read its words from the environment. */
const TERMINAL = `
export NETSVC_ARGC=$#
i=0
for word in "$@"; do
  export "NETSVC_ARG_$i=$word"
  i=$((i + 1))
done
export SHELL=/bin/sh
exec script -qec '
stty rows 24 cols 80 2>/dev/null
set --
i=0
while [ $i -lt $NETSVC_ARGC ]; do
  eval "set -- \\"\\$@\\" \\"\\$NETSVC_ARG_$i\\""
  i=$((i + 1))
done
exec "$@"
' /dev/null
`;

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A command that starts a process in a sandbox. Nothing in it needs a shell's quoting. */
export interface LaunchPlan {
  /** Program and arguments, run as they are. */
  argv: string[];
  /** The process that signals are meant for is this many first-child steps below the one started. */
  signalDepth: number;
}

/** Environment of a command as `K=V` words: defaults, then the user's. */
function environment(launch: Pick<Launch, "env" | "hostname" | "tty">): string[] {
  const env: Record<string, string> = {
    PATH: DEFAULT_PATH,
    HOME: "/root",
    HOSTNAME: launch.hostname,
    ...launch.tty ? { TERM: "xterm" } : {},
    ...launch.env,
  };
  return Object.entries(env).map(([key, value]) => `${key}=${value}`);
}

/** Wraps a command line in one that gives it a terminal, where it needs one. */
function withTerminal(argv: string[], wanted: boolean): { argv: string[]; steps: number } {
  if (!wanted) return { argv, steps: 0 };
  return { argv: ["/bin/sh", "-c", TERMINAL, "netsvc-terminal", ...argv], steps: 1 };
}

/** The command line of a new container process. */
export function planLaunch(launch: Launch): LaunchPlan {
  const command = [
    "/usr/bin/env",
    "-i",
    ...environment(launch),
    launch.paths.unshare,
    ...launch.rootfs ? [`--root=${launch.rootfs}`] : [],
    `--wd=${launch.workdir}`,
    "--",
    ...launch.command,
  ];
  const inner = withTerminal(command, launch.tty && !launch.terminal);
  return {
    argv: [
      "sh",
      "-c",
      OUTER,
      "netsvc",
      launch.pidFile,
      launch.logFile,
      "nsenter",
      `--net=${launch.namespace}`,
      "--",
      "unshare",
      "--mount",
      "--propagation",
      "slave",
      "--uts",
      "--pid",
      "--fork",
      "--",
      "/bin/sh",
      launch.paths.init,
      launch.hostname,
      launch.namespaces,
      launch.rootfs,
      launch.statusFile,
      launch.ownNetwork ? "own" : "",
      ...launch.binds.flat(),
      "--",
      ...inner.argv,
    ],
    signalDepth: 2 + inner.steps,
  };
}

/** The command line of a further process beside a running one. */
export function planExec(exec: Exec): LaunchPlan {
  const inner = withTerminal([
    "/usr/bin/env",
    "-i",
    ...environment(exec),
    exec.paths.nsenter,
    `--target=${exec.pid}`,
    "--mount",
    "--uts",
    "--net",
    "--pid",
    "--root",
    exec.workdir === undefined ? "--wd" : `--wdns=${exec.workdir}`,
    "--",
    ...exec.command,
  ], exec.tty && !exec.terminal);
  // By way of sh, which is among the programs that a client may start.
  return {
    argv: ["sh", "-c", 'umask 022; exec "$@"', "netsvc", ...inner.argv],
    signalDepth: 1 + inner.steps,
  };
}

/** The command line that a specification means. */
export function planOf(spec: LaunchSpec): LaunchPlan {
  return "start" in spec ? planLaunch(spec.start) : planExec(spec.exec);
}

/**
 * Turns the daemon's description of a process into the command line that starts it. The program that runs
 * it builds it, of programs that are named here and nowhere else. Pure; the shell scripts are constants,
 * and everything that a client sent reaches them as positional parameters or environment, never as text
 * to be parsed.
 * Secret or long values are in the environment of the chain, which only root can read: every user can
 * read the words of a command line.
 *
 * The chain: a shell that notes its process id, `nsenter` into the network namespace, `unshare` of
 * mount, UTS and PID namespaces, a shell as init (it sets up the mounts, reaps, and keeps the status),
 * and a shell that becomes the command. Where the container has a root of its own, this program
 * becomes the command instead (`--inside run`, `--inside exec`).
 *
 * @module
 */
import type { Exec, Launch, LaunchSpec } from "./types.ts";

/** Notes the id of the process that becomes nsenter and then unshare; optionally logs its output. */
const OUTER = `
umask 077
echo $$ > "$1"
if [ -n "$2" ]; then exec >>"$2" 2>&1; fi
shift 2
umask 022
exec "$@"
`;

/** Runs as init of the container's PID namespace. Its root may be another one when the command runs. */
const INIT = `
set -e
name=$1 namespaces=$2 status=$3 own=$4
shift 4
[ -z "$name" ] || echo "$name" > /proc/sys/kernel/hostname
if [ "$1" != -- ]; then
  mount -t proc proc /proc
  # That of the host's own network may be there already, and the kernel mounts none over itself.
  mount -t sysfs sysfs /sys 2>/dev/null || [ -z "$own" ]
fi
while [ "$1" != -- ]; do
  [ "$1" = "$2" ] || mount --bind "$1" "$2"
  shift 2
done
shift
# No mount there is no error; a signal that was meant for the container is one.
umount -l "$namespaces" 2>/dev/null || { code=$?; [ $code -lt 128 ] || exit $code; }
set +e
exec 9>"\${status:-/dev/null}"
"$@" 9>&-
code=$?
echo $code >&9
exit $code
`;

/** Becomes the command: with its environment and nothing else, in its directory. */
const FINAL = `
netsvc_i=0
while [ $netsvc_i -lt \${NETSVC_ARGC:-0} ]; do
  unset "NETSVC_ARG_$netsvc_i"
  netsvc_i=$((netsvc_i + 1))
done
netsvc_n=$NETSVC_ENVC netsvc_i=0 netsvc_dir=$1
shift
unset LC_ALL SHELL NETSVC_ARGC NETSVC_ENVC NETSVC_INIT NETSVC_FINAL NETSVC_TERMINAL NETSVC_INNER
if [ -n "$netsvc_dir" ] && ! cd -- "$netsvc_dir" 2>/dev/null; then
  echo "netsvc: Cannot work in \\"$netsvc_dir\\": there is no such directory" >&2
  exit 126
fi
unset PWD OLDPWD
netsvc_odd=
while [ $netsvc_i -lt $netsvc_n ]; do
  eval "netsvc_word=\\$NETSVC_ENV_$netsvc_i"
  unset "NETSVC_ENV_$netsvc_i"
  case \${netsvc_word%%=*} in
    # Names that a shell doesn't know.
    *[!A-Za-z0-9_]*)
      set -- "$netsvc_word" "$@"
      netsvc_odd=1
      ;;
    *) export "$netsvc_word" ;;
  esac
  netsvc_i=$((netsvc_i + 1))
done
[ -z "$netsvc_odd" ] || exec /usr/bin/env -- "$@"
netsvc_why="No such file or directory" netsvc_code=127
netsvc_look() {
  if [ -f "$1" ] && [ -x "$1" ]; then
    netsvc_code=0
  elif [ -e "$1" ]; then
    netsvc_why="Permission denied" netsvc_code=126
  fi
}
case $1 in
  */*) netsvc_look "$1" ;;
  ?*)
    netsvc_rest=$PATH:
    while [ -n "$netsvc_rest" ] && [ $netsvc_code != 0 ]; do
      netsvc_dir=\${netsvc_rest%%:*}
      netsvc_rest=\${netsvc_rest#*:}
      netsvc_look "\${netsvc_dir:-.}/$1"
    done
    ;;
esac
if [ $netsvc_code != 0 ]; then
  echo "netsvc: failed to execute $1: $netsvc_why" >&2
  exit $netsvc_code
fi
exec "$@"
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
exec script -qec 'eval "$NETSVC_INNER"' /dev/null
`;

/** The script that runs in that terminal. */
const INNER = `
stty rows 24 cols 80 2>/dev/null
set --
i=0
while [ $i -lt $NETSVC_ARGC ]; do
  eval "set -- \\"\\$@\\" \\"\\$NETSVC_ARG_$i\\""
  i=$((i + 1))
done
exec "$@"
`;

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** A word of the environment has at most 128 KiB, and a character four bytes. */
const PIECE = 30_000;

/** The command line to run. */
export interface LaunchCommand {
  argv: string[];
  /** Added to the environment that all children have. */
  env: Record<string, string>;
  /** The process that signals are meant for is this many first-child steps below the one started. */
  signalDepth: number;
}

/** Instructions for `--inside run` and `--inside exec`. */
export interface InsideTask {
  command: string[];
  env: Record<string, string>;
  /** Absent: where the container's own command works. */
  workdir?: string;
  /** It keeps all capabilities, and sees all of /proc, /sys and /dev. */
  privileged: boolean;
  /** For `run`: the directory that becomes its root, and files to bind over those of it. */
  root?: { path: string; binds: [source: string, target: string][]; ownNetwork: boolean };
  /** For `exec`: a process of the container. */
  target?: { pid: number; start: string };
}

/** Environment of a command: defaults, then the user's. */
function environment({ hostname, tty, env }: Exec | Launch): Record<string, string> {
  return {
    PATH: DEFAULT_PATH,
    HOME: "/root",
    HOSTNAME: hostname,
    ...tty ? { TERM: "xterm" } : {},
    ...env,
  };
}

/** Words that become the command, and the variables of the environment that they read. */
function becoming(spec: LaunchSpec, self: string[]): Pick<LaunchCommand, "argv" | "env"> {
  const plan = "start" in spec ? spec.start : spec.exec;
  const env = environment(plan);
  if (plan.rootfs !== "") {
    const task: InsideTask = {
      command: plan.command,
      env,
      ...plan.workdir !== undefined && { workdir: plan.workdir },
      privileged: plan.privileged,
      ..."start" in spec
        ? {
          root: { path: plan.rootfs, binds: spec.start.binds, ownNetwork: spec.start.ownNetwork },
        }
        : { target: { pid: spec.exec.pid, start: spec.exec.begun } },
    };
    const text = JSON.stringify(task);
    const pieces = Array.from(
      { length: Math.ceil(text.length / PIECE) },
      (_, i) => [`NETSVC_TASK_${i}`, text.slice(i * PIECE, (i + 1) * PIECE)],
    );
    return {
      argv: [...self, "--inside", "start" in spec ? "run" : "exec"],
      env: Object.fromEntries(pieces),
    };
  }
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    argv: [
      ...["/bin/sh", "-c", 'eval "$NETSVC_FINAL"', "netsvc", plan.workdir ?? ""],
      ...plan.command,
    ],
    env: {
      NETSVC_FINAL: FINAL,
      NETSVC_ENVC: String(words.length),
      ...Object.fromEntries(words.map((word, i) => [`NETSVC_ENV_${i}`, word])),
    },
  };
}

/**
 * The command line of a process.
 *
 * @param self the words that start this program
 */
export function buildLaunch(spec: LaunchSpec, self: string[]): LaunchCommand {
  const become = becoming(spec, self);
  const plan = "start" in spec ? spec.start : spec.exec;
  const terminal = plan.tty && !plan.terminal;
  const inner = terminal
    ? ["/bin/sh", "-c", 'eval "$NETSVC_TERMINAL"', "netsvc-terminal", ...become.argv]
    : become.argv;
  const env = {
    ...become.env,
    ...terminal && { NETSVC_TERMINAL: TERMINAL, NETSVC_INNER: INNER },
  };
  const steps = terminal ? 1 : 0;
  if ("start" in spec) {
    const { start } = spec;
    return {
      argv: [
        ...["sh", "-c", OUTER, "netsvc", start.pidFile, start.logFile],
        ...["nsenter", `--net=${start.namespace}`, "--"],
        ...["unshare", "--mount", "--propagation", "slave", "--uts", "--pid", "--fork", "--"],
        ...["/bin/sh", "-c", 'eval "$NETSVC_INIT"', "netsvc-init"],
        ...[plan.hostname, start.namespaces, start.statusFile, start.ownNetwork ? "own" : ""],
        // The process that enters a root of its own sets it up.
        ...plan.rootfs === "" ? ["-", "-", ...start.binds.flat()] : [],
        "--",
        ...inner,
      ],
      env: { ...env, NETSVC_INIT: INIT },
      signalDepth: 2 + steps,
    };
  }
  const host = plan.rootfs === "";
  return {
    // By way of sh, which is among the programs that a client may start.
    argv: [
      ...["sh", "-c", 'umask 022; exec "$@"', "netsvc"],
      ...["nsenter", `--target=${spec.exec.pid}`, "--uts", "--net", "--pid"],
      ...host ? ["--mount", "--root", ...plan.workdir === undefined ? ["--wd"] : []] : [],
      "--",
      ...inner,
    ],
    env,
    signalDepth: 1 + steps,
  };
}

/**
 * `--inside run` and `--inside exec`: this process enters a container with a root of its own, and becomes a command
 * there.
 *
 * @module
 */
import { closeFd, cString, errnoError, libc, openFd, readFileSync } from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { InsideTask } from "../../lib/api/launch.ts";
import { become, confine, workIn } from "./become.ts";
import { enterRoot } from "./root.ts";

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;

/** Reads the task, which the environment holds in pieces. */
function readTask(): InsideTask {
  let text = "";
  for (let i = 0;; i++) {
    const piece = Deno.env.get(`NETSVC_TASK_${i}`);
    if (piece === undefined) return JSON.parse(text) as InsideTask;
    text += piece;
  }
}

/** Becomes the main command of a container. */
export function run(): never {
  const task = readTask();
  enterRoot({ ...task.root!, privileged: task.privileged });
  if (!task.privileged) confine();
  workIn(task.workdir ?? "/");
  return become(task);
}

/** Becomes a further process of a running container. */
export function exec(): never {
  const task = readTask();
  const { unshare, setns, fchdir, chroot } = libc();
  const { pid, start } = task.target!;
  const directory = openFd(`/proc/${pid}`);
  const at = `/proc/self/fd/${directory}`;
  const stat = readFileSync(`${at}/stat`);
  if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] !== start) {
    throw new NetsvcError("not_found", "The container has ended");
  }
  const [mounts, root, cwd] = ["ns/mnt", "root", "cwd"].map((name) => openFd(`${at}/${name}`));
  const must = (what: string, result: number) => {
    if (result !== 0) throw errnoError(what);
  };
  must("leave the root that threads share", unshare(CLONE_FS));
  must("enter the container's mounts", setns(mounts!, CLONE_NEWNS));
  must("go to the container's root", fchdir(root!));
  must("enter the container's root", chroot(cString(".")));
  must("go where its command works", fchdir(cwd!));
  // Before any process inside could see this one: these descriptors are the host's.
  for (const fd of [directory, mounts, root, cwd]) closeFd(fd!);
  libc().umask(0o022);
  if (!task.privileged) confine();
  if (task.workdir !== undefined) workIn(task.workdir);
  return become(task);
}

/**
 * The namespaces of sandboxes: files under `RUN_DIR/netns`, each a bind mount of a network
 * namespace (network_namespaces(7)), so that they outlive the daemon and are gone after a boot.
 *
 * @module
 */
import { NetsvcError } from "../wire/errors.ts";
import {
  cString,
  errnoError,
  libc,
  MNT_DETACH,
  MS_BIND,
  MS_REC,
  MS_SHARED,
  readFileSync,
  writeFileSync,
} from "../../drivers/kernel/libc.ts";
import { createNamespace, inNamespace } from "../../drivers/kernel/namespace.ts";

/** Where the mounts are made, and how the daemon opens them. */
export interface NamespaceStore {
  /** Path under which the namespace of a container is opened from any mount namespace. */
  path(id: string): string;
  /** Makes and pins a namespace with `lo` up; nothing when there is one already. */
  create(id: string): Promise<void>;
  /** Unpins; harmless when there is none. What still runs inside keeps it alive until it ends. */
  remove(id: string): Promise<void>;
  /** Whether there is a living namespace. */
  alive(id: string): boolean;
  /** The ids of all that are pinned. */
  list(): string[];
  /** Directory of the mounts, as containers see it: they drop it so as to hold no other sandbox. */
  readonly directory: string;
}

/** Sysctls of a new sandbox: two endpoints on one subnet must not answer each other's ARP. */
const SYSCTLS: [string, string][] = [
  ["net/ipv4/conf/all/arp_ignore", "1"],
  ["net/ipv4/conf/all/arp_announce", "2"],
  // Any user of the container may serve ports below 1024 and ping, as in Docker's containers.
  ["net/ipv4/ip_unprivileged_port_start", "0"],
  ["net/ipv4/ping_group_range", "0 2147483647"],
];

function mountOrThrow(source: string, target: string, flags: number): void {
  const { mount } = libc();
  if (mount(cString(source), cString(target), cString("none"), BigInt(flags), null) !== 0) {
    throw errnoError(`mount "${source}" on "${target}"`);
  }
}

/** Whether `path` is a mount point, by proc_pid_mountinfo(5) of `pid`. */
function isMounted(path: string, pid = "self"): boolean {
  return readFileSync(`/proc/${pid}/mountinfo`).includes(` ${path.replaceAll(" ", "\\040")} `);
}

/** Runs a mount command in the mount namespace of process 1. */
async function nsenterMount(...command: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("nsenter", {
    args: ["-t", "1", "-m", "--", ...command],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(10_000),
  }).output();
  if (success) return;
  throw new NetsvcError(
    "kernel",
    `Cannot run "${command.join(" ")}" beside process 1: ` +
      new TextDecoder().decode(stderr).trim(),
  );
}

/** Brings `lo` up and sets the sysctls of the sandbox at `path`. */
async function prepare(path: string): Promise<void> {
  const process = inNamespace(path, () => {
    for (const [name, value] of SYSCTLS) {
      try {
        writeFileSync(`/proc/sys/${name}`, value);
      } catch {
        // A kernel without this knob works as well as it did before the knob existed.
      }
    }
    return new Deno.Command("ip", {
      args: ["link", "set", "lo", "up"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(10_000),
    }).spawn();
  });
  const { success, stderr } = await process.output();
  if (success) return;
  throw new NetsvcError("kernel", "Cannot bring up the loopback link of a sandbox", {
    cause: new Error(new TextDecoder().decode(stderr).trim()),
  });
}

/**
 * Opens `RUN_DIR/netns`.
 *
 * A daemon started by `ip netns exec` or a service manager has a mount namespace of its own, which
 * dies with it, and with it every mount in it. The mounts are then made beside process 1 and opened
 * through `/proc/1/root`.
 */
export async function openNamespaceStore(runDir: string): Promise<NamespaceStore> {
  const directory = `${runDir}/netns`;
  await Deno.mkdir(directory, { recursive: true, mode: 0o755 });
  const outer = !sharesMounts() && sameDirectory(directory, `/proc/1/root${directory}`);
  const root = outer ? "/proc/1/root" : "";
  if (!isMounted(directory, outer ? "1" : "self")) {
    // Shared, so that containers (slaves of it) lose a namespace when the daemon unpins it.
    if (outer) {
      await nsenterMount("mount", "--bind", "--make-rshared", directory, directory);
    } else {
      mountOrThrow(directory, directory, MS_BIND);
      mountOrThrow("none", directory, MS_SHARED | MS_REC);
    }
  }
  const path = (id: string) => `${root}${directory}/${id}`;
  const alive = (id: string) => {
    try {
      inNamespace(path(id), () => {});
      return true;
    } catch {
      return false;
    }
  };
  return {
    directory,
    path,
    alive,
    list: () => [...Deno.readDirSync(directory)].map(({ name }) => name),
    async create(id) {
      if (!alive(id)) {
        const file = `${directory}/${id}`;
        Deno.writeTextFileSync(file, "");
        if (outer) {
          const fd = createNamespace(() => libc().open(cString("/proc/thread-self/ns/net"), 0, 0));
          try {
            await nsenterMount("mount", "--bind", `/proc/${Deno.pid}/fd/${fd}`, file);
          } finally {
            libc().close(fd);
          }
        } else {
          createNamespace(() => mountOrThrow("/proc/thread-self/ns/net", file, MS_BIND));
        }
      }
      await prepare(path(id));
    },
    async remove(id) {
      const file = `${directory}/${id}`;
      if (outer) {
        if (isMounted(file, "1")) await nsenterMount("umount", "--lazy", file);
      } else {
        // Once per mount: a crash between two steps may have pinned it twice.
        while (isMounted(file) && libc().umount2(cString(file), MNT_DETACH) === 0);
      }
      await Deno.remove(file).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    },
  };
}

/** Whether the daemon lives in the mount namespace of process 1. */
function sharesMounts(): boolean {
  try {
    return namespaceId("self") === namespaceId("1");
  } catch {
    return true;
  }
}

/** Identity of a process's mount namespace: it heads the list of its mounts. */
function namespaceId(pid: string): string {
  return new TextDecoder().decode(readLink(`/proc/${pid}/ns/mnt`));
}

function readLink(path: string): Uint8Array {
  const buffer = new Uint8Array(256);
  const n = Number(libc().readlink(cString(path), buffer, BigInt(buffer.length)));
  if (n < 0) throw errnoError(`read the link "${path}"`);
  return buffer.subarray(0, n);
}

/** Whether both paths show the same directory: a file made in one is seen in the other. */
function sameDirectory(here: string, there: string): boolean {
  const probe = `.probe-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(`${here}/${probe}`, "");
  try {
    readFileSync(`${there}/${probe}`);
    return true;
  } catch {
    return false;
  } finally {
    Deno.removeSync(`${here}/${probe}`);
  }
}

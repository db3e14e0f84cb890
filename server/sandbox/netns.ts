/**
 * The network namespaces of sandboxes: files under `RUN_DIR/netns`, each a bind mount of a namespace
 * (network_namespaces(7)), so that they outlive the daemon and are gone after a boot.
 *
 * @module
 */
import { Mutex } from "../../lib/async/mutex.ts";
import { forEachPooled } from "../../lib/async/pool.ts";
import {
  closeFd,
  cString,
  libc,
  MNT_DETACH,
  MS_BIND,
  MS_REC,
  MS_SHARED,
  openFd,
  readFileSync,
  writeFileSync,
} from "../../lib/linux/libc.ts";
import { createNamespace, inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { bringUp } from "../../lib/linux/net/netdevice.ts";
import { quietSettings } from "../../drivers/links/sandbox_sysctls.ts";
import { Anchor } from "./anchor.ts";

const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/** Ids of containers' namespaces; drivers' have another form. */
const CONTAINER_ID = /^[0-9a-f]{64}$/;

/** Sysctls of a new sandbox. */
const SYSCTLS: [string, string][] = [
  // Two endpoints on one subnet must not answer each other's ARP.
  ["net/ipv4/conf/all/arp_ignore", "1"],
  ["net/ipv4/conf/all/arp_announce", "2"],
  // Any user in the container may listen on ports below 1024 and ping, as in Docker's containers.
  ["net/ipv4/ip_unprivileged_port_start", "0"],
  ["net/ipv4/ping_group_range", "0 2147483647"],
  // All links ignore neighbours' router advertisements and redirects.
  ...["all", "default"].flatMap(quietSettings)
    .map(([name, value]): [string, string] => [`net/${name}`, value]),
];

/**
 * New links have no IPv6, as in Docker's containers, until they get an address of it. To switch it off on a link
 * takes the kernel's lock of all links: while others are plugged in, that would hold up the daemon for milliseconds.
 */
const NO_IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

/** Unmounts that wait for the kernel at the same time. */
const UNMOUNTS_AT_ONCE = 8;

/** Brings `lo` up and sets the sysctls of the sandbox at `path`. */
function prepare(path: string): void {
  inNamespace(path, () => {
    for (const [name, value] of SYSCTLS) {
      try {
        writeFileSync(`/proc/sys/${name}`, value);
      } catch {
        // Kernels without this setting behave as they did before it existed.
      }
    }
    try {
      if (readFileSync(NO_IPV6).trim() !== "1") writeFileSync(NO_IPV6, "1");
    } catch {
      // A kernel without IPv6.
    }
    bringUp("lo");
  });
}

/**
 * Enables IPv6 addresses on a namespace's future links, or on the given one. Docker switches IPv6 off in its
 * containers' namespaces, and on only for links of its own that have it.
 */
export function allowIpv6(path: string, link = "default"): void {
  inNamespace(path, () => {
    try {
      writeFileSync(`/proc/sys/net/ipv6/conf/${link}/disable_ipv6`, "0");
    } catch {
      // A kernel without IPv6, or a link that no longer exists.
    }
  });
}

/** Called with the paths of containers' namespaces. */
export interface NamespaceHooks {
  /** One was made. */
  made?: (path: string) => void;
  /** One is about to be unpinned: what still holds it lets go. */
  closing?: (path: string) => Promise<void>;
}

/** The namespaces pinned under one run directory. */
export class NamespaceStore {
  /**
   * Directory of the mounts, as containers see it: a container unmounts it so that it doesn't hold other sandboxes.
   */
  readonly directory: string;
  readonly #anchor: Anchor;
  readonly #hooks: NamespaceHooks;
  /** Mounts are changed one after the other. */
  readonly #changes = new Mutex();
  /** Files that are about to be unmounted. */
  #removals: { files: string[]; failures: Promise<Map<string, unknown>> } | undefined;

  private constructor(directory: string, anchor: Anchor, hooks: NamespaceHooks) {
    this.directory = directory;
    this.#anchor = anchor;
    this.#hooks = hooks;
  }

  /** Opens `RUN_DIR/netns`, making it if necessary. */
  static async open(runDir: string, hooks: NamespaceHooks = {}): Promise<NamespaceStore> {
    const directory = `${runDir}/netns`;
    await Deno.mkdir(directory, { recursive: true, mode: 0o755 });
    return new NamespaceStore(directory, new Anchor(runDir), hooks);
  }

  /** The path by which a container's namespace is opened from any mount namespace. */
  path(id: string): string {
    return this.#anchor.path(`${this.directory}/${id}`);
  }

  /** Whether the namespace exists and is alive. */
  alive(id: string): boolean {
    try {
      inNamespace(this.path(id), () => {});
      return true;
    } catch {
      return false;
    }
  }

  /** The ids of the containers whose namespaces are pinned. */
  list(): string[] {
    return this.#names().filter((name) => CONTAINER_ID.test(name));
  }

  /** The ids of the other pinned namespaces: drivers' own. */
  listOwn(): string[] {
    return this.#names().filter((name) => !CONTAINER_ID.test(name));
  }

  #names(): string[] {
    return [...Deno.readDirSync(this.directory)].map(({ name }) => name);
  }

  /**
   * Makes and pins a namespace, a container's with `lo` up; brings an existing one to that state.
   */
  async create(id: string): Promise<void> {
    const isNew = !this.alive(id);
    if (isNew) {
      await this.#changes.run(async () => {
        this.#anchor.ensure();
        await this.#shareDirectory();
        await this.#pin(`${this.directory}/${id}`);
      });
    }
    if (!CONTAINER_ID.test(id)) return;
    prepare(this.path(id));
    if (isNew) this.#hooks.made?.(this.path(id));
  }

  /** Pins a namespace that another program made; brings `lo` up. */
  async adopt(id: string, path: string): Promise<void> {
    const fd = openFd(path);
    try {
      await this.#changes.run(async () => {
        this.#anchor.ensure();
        await this.#shareDirectory();
        const file = `${this.directory}/${id}`;
        if (this.#anchor.isMounted(file)) return;
        Deno.writeTextFileSync(file, "");
        const source = `/proc/${Deno.pid}/fd/${fd}`;
        if (this.#anchor.direct) this.#anchor.mount(source, file, MS_BIND);
        else await this.#bind(source, file);
      });
    } finally {
      closeFd(fd);
    }
    allowIpv6(this.path(id));
    inNamespace(this.path(id), () => bringUp("lo"));
  }

  /** Makes the mount shared, so that containers, as its slaves, lose a namespace when it is unpinned. */
  async #shareDirectory(): Promise<void> {
    const { directory } = this;
    if (this.#anchor.isMounted(directory)) return;
    if (this.#anchor.direct) {
      this.#anchor.mount(directory, directory, MS_BIND);
      this.#anchor.mount("none", directory, MS_SHARED | MS_REC);
    } else await this.#anchor.run("mount", "--bind", "--make-rshared", directory, directory);
  }

  async #pin(file: string): Promise<void> {
    Deno.writeTextFileSync(file, "");
    if (this.#anchor.direct) {
      return createNamespace(() => this.#anchor.mount(OWN_NAMESPACE, file, MS_BIND));
    }
    const fd = createNamespace(() => openFd(OWN_NAMESPACE));
    try {
      await this.#bind(`/proc/${Deno.pid}/fd/${fd}`, file);
    } finally {
      closeFd(fd);
    }
  }

  /**
   * Binds in the anchor's mount namespace, uncanonicalised: the path that a descriptor's link shows may be another
   * file there.
   */
  #bind(source: string, file: string): Promise<void> {
    return this.#anchor.run("mount", "--no-canonicalize", "--bind", source, file);
  }

  /**
   * Unpins a namespace; harmless when it isn't pinned. Processes inside keep it alive until they end. Those that wait
   * in line together are unpinned together: the kernel waits for all of them at a time.
   */
  async remove(id: string): Promise<void> {
    const file = `${this.directory}/${id}`;
    await this.#hooks.closing?.(this.path(id));
    if (this.#removals === undefined) {
      const files: string[] = [];
      const failures = this.#changes.run(() => {
        if (this.#removals?.files === files) this.#removals = undefined;
        return this.#unpinAll(files);
      });
      this.#removals = { files, failures };
    }
    const { files, failures } = this.#removals;
    files.push(file);
    const failure = (await failures).get(file);
    if (failure !== undefined) throw failure;
  }

  /** @returns errors by file */
  async #unpinAll(files: string[]): Promise<Map<string, unknown>> {
    const failures = new Map<string, unknown>();
    // One command for all of them; where that fails, each shows whether it was the one.
    const together = !this.#anchor.direct && files.length > 1 &&
      await this.#unmount(files).then(() => true, () => false);
    const unpin = async (file: string) => {
      try {
        if (!together) await this.#unmount([file]);
        Deno.removeSync(file);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) failures.set(file, error);
      }
    };
    await forEachPooled(files, unpin, { size: UNMOUNTS_AT_ONCE });
    if (this.#names().length === 0) await this.#releaseAll();
    return failures;
  }

  /** Unmounts files, repeatedly: a crash between two steps may have pinned a namespace twice. */
  async #unmount(files: string[]): Promise<void> {
    if (this.#anchor.direct) {
      for (const file of files) {
        // It waits for the whole kernel, so on another thread; what isn't mounted is refused.
        while (await libc().umount2_later(cString(file), MNT_DETACH) === 0);
      }
      return;
    }
    for (let mounted = files; mounted.length > 0;) {
      mounted = mounted.filter((file) => this.#anchor.isMounted(file));
      if (mounted.length > 0) await this.#anchor.run("umount", "--lazy", ...mounted);
    }
  }

  /** Removes the shared directory mount and the anchor after the last sandbox. */
  async #releaseAll(): Promise<void> {
    if (this.#anchor.isMounted(this.directory)) {
      if (this.#anchor.direct) libc().umount2(cString(this.directory), MNT_DETACH);
      else await this.#anchor.run("umount", "--lazy", this.directory);
    }
    this.#anchor.release();
  }
}

/** The interface of {@linkcode NamespaceStore}, for its users. */
export type Namespaces = Pick<NamespaceStore, keyof NamespaceStore>;

/**
 * The sandboxes of this host's containers: namespace, resolver, files, processes.
 *
 * A container's files are in `RUN_DIR/containers/<id>`: `resolv.conf`, `hosts` and `hostname` (bound
 * over its own, so they are changed in place, never replaced), `pid`, `status`, `log`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { KeyedMutex } from "../../lib/async/keyed_mutex.ts";
import { readFileSync } from "../../lib/linux/libc.ts";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { Forwarder } from "../dns/upstream/forwarder.ts";
import { hostsFile } from "../dns/files/hosts_file.ts";
import { containerResolvConf, type HostResolvConf } from "../dns/files/resolv_conf.ts";
import type { ServedSandbox } from "../dns/served_sandbox.ts";
import type { ResolverServer } from "../dns/server.ts";
import {
  type AdoptedContainer,
  type ContainerRecord,
  ifAdopted,
  type OwnContainer,
  ownsSandbox,
} from "../model/container.ts";
import type { State } from "../model/state.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { shortId } from "../../lib/api/names.ts";
import type { ExecSpec, Launch, LaunchSpec, ProcessSpec } from "../../lib/api/types.ts";
import { ForeignFiles, foreignUpstreams, type Taken } from "./files/adopted_files.ts";
import { InsideFiles } from "./files/inside_files.ts";
import type { Namespaces } from "./netns.ts";
import {
  descend,
  identify,
  isRunning,
  type ProcessIdentity,
} from "../../lib/linux/processes/process_table.ts";
import type { OpenedSockets } from "./resolver/resolver_sockets.ts";
import { ResolverSpares } from "./resolver/resolver_spares.ts";
import { checkRootfs, planBinds } from "./rootfs.ts";
import type { Views } from "../dns/zones/views.ts";

const log = getLogger(["netsvc", "sandbox"]);

/** What {@linkcode Sandboxes} is made of. */
export interface SandboxesOptions {
  state: State;
  namespaces: Namespaces;
  resolver: ResolverServer;
  /** Opens the sockets of a resolver inside the namespace at `path`. */
  resolverSockets: (path: string, hostname?: string, kept?: number) => OpenedSockets;
  views: Views;
  hostResolvConf: HostResolvConf;
  runDir: string;
}

/** Writes a file in place that everybody may read, whatever the umask is. */
function writeForAll(path: string, text: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  if ((file.statSync().mode! & 0o777) !== 0o644) Deno.chmodSync(path, 0o644);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  file.truncateSync(bytes.length);
}

/** Opens, serves and closes the sandboxes of containers. */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #served = new Map<string, ServedSandbox>();
  /** Forwarders of sandboxes that have their own, and whom and what they ask as far as that is known. */
  readonly #forwarders = new Map<string, Forwarder>();
  readonly #before = new Map<string, { upstreams: string[]; search: string[] }>();
  /** What was written last, by container and file. */
  readonly #written = new Map<string, Map<string, string>>();
  readonly #spares: ResolverSpares;
  readonly #standIns = new Map<string, () => number>();
  readonly #unsubscribe: () => void;
  readonly #inside = new InsideFiles();
  /** Work on the files of foreign containers: what is last in line, and who has a change to come. */
  readonly #files = new KeyedMutex();
  readonly #awaiting = new Set<string>();
  /** What was said of their files. */
  readonly #told = new Map<string, string>();

  constructor(options: SandboxesOptions) {
    this.#options = options;
    this.#spares = new ResolverSpares(options.runDir);
    this.#unsubscribe = options.views.changed.subscribe((stale) => this.#refresh(stale));
  }

  /** Opens one whose process has ended, for another. */
  async reopen(record: OwnContainer): Promise<void> {
    for (const name of ["pid", "status"]) {
      await Deno.remove(this.#file(record, name)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
    await this.open(record);
  }

  /** Makes a container's sandbox and files, and serves its names; harmless when it is there. */
  async open(record: OwnContainer): Promise<void> {
    this.#makeDirectory(record);
    this.#writeFiles(record);
    if (!ownsSandbox(record)) return;
    await this.#options.namespaces.create(record.id);
    this.serve(record);
  }

  /** Keeps the sandbox of a container that another program made; nothing of its is changed yet. */
  async pin({ id, namespace }: AdoptedContainer): Promise<void> {
    await this.#options.namespaces.adopt(id, namespace);
  }

  /** Serves names in such a sandbox, at once, and then points the container's files there. */
  async equip(record: AdoptedContainer): Promise<void> {
    this.#makeDirectory(record);
    this.serve(record);
    await this.#writeForeign(record);
  }

  /** The nameservers that a container of another program has. */
  nameservers(record: AdoptedContainer): Promise<string[]> {
    return this.#foreignFiles(record).nameservers(record);
  }

  #makeDirectory(record: ContainerRecord): void {
    Deno.mkdirSync(this.#file(record, ""), { recursive: true, mode: 0o711 });
    // Made by an earlier version, or under another umask: what is in them is named by who may have it.
    for (const path of ["..", ""]) Deno.chmodSync(this.#file(record, path), 0o711);
  }

  /** Serves the names of a container whose sandbox is there. */
  serve(record: ContainerRecord): void {
    if (this.#served.has(record.id)) return;
    const path = this.#options.namespaces.path(record.id);
    const adopted = ifAdopted(record);
    const { resolver } = this.#options;
    const kept = this.#spares.take(record.id);
    const sockets = this.#options.resolverSockets(path, adopted?.resolver, kept);
    if (sockets.spare !== undefined) this.#spares.keep(record.id, sockets.spare);
    if (sockets.standIn) this.#standIns.set(record.id, sockets.standIn);
    const view = this.#options.views.view(record.id);
    if (!adopted) return void this.#served.set(record.id, resolver.serve(sockets, view));
    // Whom the container asked before may know names that nobody else does, and be reached only
    // from there.
    const forwarder = new Forwarder(
      () => this.#askedBefore(adopted).upstreams.map((hostname) => ({ hostname })),
      {
        within: (action) => inNamespace(path, action),
        // While an engine's resolver inside is away nobody else can say that a name doesn't exist.
        ...adopted.upstreams.length === 0 && { otherwise: resolver.forwarder },
      },
    );
    this.#forwarders.set(record.id, forwarder);
    const search = () => this.#askedBefore(adopted).search;
    this.#served.set(record.id, resolver.serve(sockets, view, { forwarder, search }));
  }

  /** Whom a foreign container's own forwarder asks, and in which domains. */
  #askedBefore(record: AdoptedContainer): { upstreams: string[]; search: string[] } {
    let asked = this.#before.get(record.id);
    if (!asked) {
      const files = this.#foreignFiles(record);
      const handedOn = this.#options.hostResolvConf.handedOn();
      asked = {
        upstreams: foreignUpstreams(record, files.nameserversBefore(), handedOn),
        search: files.searchBefore(),
      };
      this.#before.set(record.id, asked);
    }
    return asked;
  }

  /** Ends a sandbox; `forget` takes its files along. Goes on past failures. */
  async close(record: ContainerRecord, forget: boolean): Promise<void> {
    const failures: unknown[] = [];
    const step = async (action: () => Promise<unknown>) => {
      await action().catch((error) => failures.push(error));
    };
    const served = this.#served.get(record.id);
    this.#served.delete(record.id);
    this.#written.delete(record.id);
    if (served) await step(() => served.close());
    this.#standIns.delete(record.id);
    await step(() => Promise.resolve(record.id).then((id) => this.#spares.forget(id)));
    const forwarder = this.#forwarders.get(record.id);
    this.#forwarders.delete(record.id);
    this.#before.delete(record.id);
    if (forwarder) await step(() => forwarder.close());
    if (record.kind === "adopted") {
      await step(() =>
        this.#files.run(record.id, () => this.#foreignFiles(record).restore(record))
      );
    }
    await step(() => this.#options.namespaces.remove(record.id));
    if (forget) {
      await step(() =>
        Deno.remove(this.#file(record, ""), { recursive: true }).catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        })
      );
    }
    if (failures.length === 0) return;
    throw new NetsvcError("kernel", `Cannot clean up the sandbox ${shortId(record.id)}`, {
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }

  /** Stops serving; namespaces and files stay. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#inside.close();
    await this.#files.idle();
    // Last of all: what is asked from here on waits for the next daemon, what was asked is answered.
    for (const [id, standIn] of this.#standIns) {
      try {
        this.#spares.keep(id, standIn());
      } catch (error) {
        log.debug("No spare socket stands in: {error}", { error });
      }
    }
    this.#spares.close();
    await Promise.all([...this.#served.values()].map((served) => served.finish()));
    this.#served.clear();
    await Promise.all([...this.#forwarders.values()].map((forwarder) => forwarder.close()));
    this.#forwarders.clear();
  }

  /** Number of sandboxes whose names are served. */
  get size(): number {
    return this.#served.size;
  }

  #refresh(stale: readonly string[]): void {
    for (const id of stale) {
      const served = this.#served.get(id);
      const record = this.#options.state.containers.get(id)?.record;
      served?.update(this.#options.views.view(id));
      if (!served || !record || record.state === "exited") continue;
      const failed = (error: unknown) =>
        log.warn("Cannot write the files of container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        });
      if (record.kind === "adopted") this.#writeForeignSoon(id, failed);
      else {
        try {
          this.#writeFiles(record);
        } catch (error) {
          failed(error); // A full disk.
        }
      }
    }
  }

  /** However often a container changes while its files are written, they are written once more. */
  #writeForeignSoon(id: string, failed: (error: unknown) => void): void {
    if (this.#awaiting.has(id)) return;
    this.#awaiting.add(id);
    this.#files.run(id, async () => {
      this.#awaiting.delete(id);
      const record = this.#options.state.containers.get(id)?.record;
      if (record?.kind !== "adopted" || record.state === "exited" || !this.#served.has(id)) return;
      await this.#takeForeign(record);
    }).catch(failed);
  }

  /** Answers when what the state says by now is in the files of a foreign container. */
  async written(id: string): Promise<void> {
    await Promise.resolve(); // What has changed in this turn is only noted at its end.
    await this.#files.idle(id);
  }

  #writeForeign(record: AdoptedContainer): Promise<Taken> {
    return this.#files.run(record.id, () => this.#takeForeign(record));
  }

  async #takeForeign(record: AdoptedContainer): Promise<Taken> {
    const taken = await this.#foreignFiles(record).take(record, this.#addresses(record.id));
    if (taken.changed) this.#before.delete(record.id); // What it asked before is known now.
    return taken;
  }

  /** Addresses that a container has by its services. */
  #addresses(id: string): string[] {
    return this.#options.state.servicesBackedBy(id)
      .filter(({ record }) => !record.leg)
      .flatMap(({ record }) => record.addresses.map((address) => address.split("/")[0]!));
  }

  /**
   * Writes the files of a foreign container again, and tells whether they are as they should be: its
   * engine may still be writing its own.
   */
  async retake(record: AdoptedContainer): Promise<boolean> {
    if (!this.#served.has(record.id)) return true;
    return (await this.#writeForeign(record)).taken;
  }

  #file(record: { id: string }, name: string): string {
    return `${this.#options.runDir}/containers/${record.id}/${name}`;
  }

  #foreignFiles(record: { id: string }): ForeignFiles {
    return new ForeignFiles(this.#file(record, ""), this.#inside, this.#told);
  }

  #writeFiles(record: OwnContainer): void {
    const { hostResolvConf } = this.#options;
    const addresses = this.#addresses(record.id);
    const files = {
      "resolv.conf": containerResolvConf(hostResolvConf.current()),
      hosts: hostsFile(record.hostname, addresses),
      hostname: `${record.hostname}\n`,
    };
    // Most changes of a network concern other services, and there are many.
    const written = this.#written.get(record.id) ?? new Map<string, string>();
    this.#written.set(record.id, written);
    for (const [name, text] of Object.entries(files)) {
      if (written.get(name) === text) continue;
      writeForAll(this.#file(record, name), text);
      written.set(name, text);
    }
  }

  /** The process of a container, if it lives: as recorded, or as its starter noted it. */
  running(record: ContainerRecord): ProcessIdentity | undefined {
    if (record.running) return isRunning(record.running) ? record.running : undefined;
    const pid = Number(this.#read(record.id, "pid"));
    const running = pid > 1 ? identify(pid) : undefined;
    // The id may be somebody else's by now; the command line of ours names this directory.
    return running && readFileSync(`/proc/${pid}/cmdline`).includes(this.#file(record, "status"))
      ? running
      : undefined;
  }

  /** Exit status of a container's command, if it ended. */
  exitCode(id: string): number | undefined {
    const text = this.#read(id, "status");
    return text === undefined || text.trim() === "" ? undefined : Number(text);
  }

  /** Path of a detached container's output. */
  logPath(id: string): string {
    return this.#file({ id }, "log");
  }

  #read(id: string, name: string): string | undefined {
    try {
      return Deno.readTextFileSync(this.#file({ id }, name));
    } catch {
      return undefined;
    }
  }

  /** What starts a container's process. */
  async planProcess(
    record: OwnContainer,
    spec: ProcessSpec,
    options: { detached: boolean; terminal: boolean },
  ): Promise<Launch> {
    return await this.#launch(record, spec, options.terminal, {
      pidFile: this.#file(record, "pid"),
      statusFile: this.#file(record, "status"),
      logFile: options.detached ? this.logPath(record.id) : "",
    });
  }

  /** What starts a further process: beside the running one, else in the bare sandbox. */
  async planExec(record: OwnContainer, spec: ExecSpec): Promise<LaunchSpec> {
    const running = this.running(record);
    if (!running) {
      if (record.state !== "created") {
        throw new NetsvcError(
          "invalid",
          `Cannot run a command in container "${record.name ?? shortId(record.id)}": it has exited`,
        );
      }
      const files = { pidFile: "/dev/null", statusFile: "", logFile: "" };
      return { start: await this.#launch(record, spec, spec.terminal ?? false, files) };
    }
    const { rootfs = "", privileged = false } = record.process ?? {};
    // The init's root is the host's where the command has no other.
    const pid = descend(running.pid, 2) ?? descend(running.pid, 1) ?? running.pid;
    const target = identify(pid);
    if (!target) throw new NetsvcError("invalid", "Cannot run a command: the container has ended");
    const exec = {
      ...commandOf(record, spec, spec.terminal ?? false),
      ...spec.workdir !== undefined && { workdir: spec.workdir },
      rootfs: rootfs === "" ? "" : await checkRootfs(rootfs),
      privileged,
      pid,
      begun: target.start,
    };
    return { exec };
  }

  async #launch(
    record: OwnContainer,
    spec: ProcessSpec,
    terminal: boolean,
    output: { pidFile: string; statusFile: string; logFile: string },
  ): Promise<Launch> {
    const { namespaces } = this.#options;
    const rootfs = spec.rootfs === undefined ? "" : await checkRootfs(spec.rootfs);
    const sandbox = record.networkMode.startsWith("container:")
      ? record.networkMode.slice("container:".length)
      : record.id;
    const files: Record<string, string> = { "/etc/hostname": this.#file(record, "hostname") };
    if (record.networkMode !== "host") {
      files["/etc/resolv.conf"] = this.#file({ id: sandbox }, "resolv.conf");
      files["/etc/hosts"] = this.#file({ id: sandbox }, "hosts");
    } else if (rootfs !== "") {
      files["/etc/resolv.conf"] = await Deno.realPath("/etc/resolv.conf");
      files["/etc/hosts"] = "/etc/hosts";
    }
    if (rootfs === "" && spec.workdir !== undefined) checkDirectory(spec.workdir);
    return {
      ...commandOf(record, spec, terminal),
      workdir: spec.workdir ?? "/",
      rootfs,
      privileged: spec.privileged ?? false,
      // The host's network is the daemon's, wherever the client that starts this is.
      ownNetwork: record.networkMode !== "host",
      namespace: record.networkMode === "host"
        ? `/proc/${Deno.pid}/ns/net`
        : namespaces.path(sandbox),
      namespaces: namespaces.directory,
      binds: await planBinds(rootfs, files),
      ...output,
    };
  }
}

/** What of a plan is the command's own. */
function commandOf(record: OwnContainer, spec: ProcessSpec, terminal: boolean) {
  return {
    command: spec.command,
    env: spec.env ?? {},
    hostname: record.hostname,
    tty: spec.tty ?? false,
    terminal,
  };
}

/** Exit status of a command that can't be run, as shells have it. */
const NOT_RUN = 126;

/** Refuses a directory of the host to work in that isn't there. @throws {NetsvcError} `invalid` */
function checkDirectory(path: string): void {
  const isDirectory = (() => {
    try {
      return Deno.statSync(path).isDirectory;
    } catch (error) {
      return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
    }
  })();
  if (isDirectory) return;
  throw new NetsvcError(
    "invalid",
    `Cannot work in ${JSON.stringify(path)}: there is no such directory`,
    { exitCode: NOT_RUN },
  );
}

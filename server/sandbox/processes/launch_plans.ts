/**
 * Plans how the processes of containers are started: words, files and namespaces for the launcher.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { ExecSpec, Launch, LaunchSpec, ProcessSpec } from "../../../lib/api/types.ts";
import { descend, identify } from "../../../lib/linux/processes/process_table.ts";
import type { OwnContainer } from "../../model/container.ts";
import type { Namespaces } from "../netns.ts";
import { checkRootfs, planBinds } from "../rootfs.ts";
import type { FileOf } from "./container_files.ts";
import type { ContainerProcesses } from "./container_processes.ts";

export class LaunchPlans {
  readonly #file: FileOf;
  readonly #namespaces: Namespaces;
  readonly #processes: ContainerProcesses;

  constructor(
    file: FileOf,
    { namespaces, processes }: { namespaces: Namespaces; processes: ContainerProcesses },
  ) {
    this.#file = file;
    this.#namespaces = namespaces;
    this.#processes = processes;
  }

  /** The plan for a container's main process. */
  async planProcess(
    record: OwnContainer,
    spec: ProcessSpec,
    options: { detached: boolean; terminal: boolean },
  ): Promise<Launch> {
    return await this.#launch(record, spec, options.terminal, {
      pidFile: this.#file(record.id, "pid"),
      statusFile: this.#file(record.id, "status"),
      logFile: options.detached ? this.#file(record.id, "log") : "",
    });
  }

  /** The plan for a further process: beside the running one, otherwise in the bare sandbox. */
  async planExec(record: OwnContainer, spec: ExecSpec): Promise<LaunchSpec> {
    const running = this.#processes.running(record);
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
    // The init process has the host's root where the command has no root of its own.
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
    const namespaces = this.#namespaces;
    const rootfs = spec.rootfs === undefined ? "" : await checkRootfs(spec.rootfs);
    const sandbox = record.networkMode.startsWith("container:")
      ? record.networkMode.slice("container:".length)
      : record.id;
    const files: Record<string, string> = { "/etc/hostname": this.#file(record.id, "hostname") };
    if (record.networkMode !== "host") {
      files["/etc/resolv.conf"] = this.#file(sandbox, "resolv.conf");
      files["/etc/hosts"] = this.#file(sandbox, "hosts");
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
      // The host's network is the daemon's, whatever namespace the client that starts the process is in.
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

/** The part of a plan that describes the command. */
function commandOf(record: OwnContainer, spec: ProcessSpec, terminal: boolean) {
  return {
    command: spec.command,
    env: spec.env ?? {},
    hostname: record.hostname,
    tty: spec.tty ?? false,
    terminal,
  };
}

/** Exit status of a command that can't be run, as in shells. */
const NOT_RUN = 126;

/** Rejects a working directory that the host doesn't have. @throws {NetsvcError} `invalid` */
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

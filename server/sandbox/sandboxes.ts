/**
 * The sandboxes of this host's containers: namespace, resolver, files, processes.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { bareAddress } from "../../lib/ip/text.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { shortId } from "../../lib/api/names.ts";
import {
  type AdoptedContainer,
  type ContainerRecord,
  ifAdopted,
  type OwnContainer,
  ownsSandbox,
} from "../model/container.ts";
import type { State } from "../model/state.ts";
import { AdoptedFileWriter } from "./files/adopted_file_writer.ts";
import { makeDirectory, OwnFiles } from "./files/own_files.ts";
import { type FileOf, filesBelow } from "./processes/container_files.ts";
import { ContainerProcesses } from "./processes/container_processes.ts";
import { LaunchPlans } from "./processes/launch_plans.ts";
import { Resolvers, type ResolversOptions } from "./resolver/resolvers.ts";

const log = getLogger(["netsvc", "sandbox"]);

/** Options of {@linkcode Sandboxes}. */
export interface SandboxesOptions extends ResolversOptions {
  state: State;
}

/** Opens, serves and closes the sandboxes of containers. */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #file: FileOf;
  readonly #ownFiles: OwnFiles;
  readonly #resolvers: Resolvers;
  readonly adoptedFiles: AdoptedFileWriter;
  readonly processes: ContainerProcesses;
  readonly launches: LaunchPlans;
  readonly #unsubscribe: () => void;

  constructor(options: SandboxesOptions) {
    this.#options = options;
    const file = this.#file = filesBelow(options.runDir);
    this.#ownFiles = new OwnFiles(file, options.hostResolvConf);
    this.adoptedFiles = new AdoptedFileWriter({
      file,
      addresses: (id) => this.#addresses(id),
      current: (id) => this.#resolvers.has(id) ? ifAdopted(this.#living(id)) : undefined,
      onChanged: (id) => this.#resolvers.forgetBefore(id),
    });
    this.#resolvers = new Resolvers(options, this.adoptedFiles);
    const processes = this.processes = new ContainerProcesses(file);
    this.launches = new LaunchPlans(file, { namespaces: options.namespaces, processes });
    this.#unsubscribe = options.views.changed.subscribe((stale) => this.#refresh(stale));
  }

  /** Makes a container's sandbox and files, and serves its names; harmless when the sandbox exists. */
  async open(container: OwnContainer): Promise<void> {
    makeDirectory(this.#file, container.id);
    this.#ownFiles.write(container, this.#addresses(container.id));
    if (!ownsSandbox(container)) return;
    await this.#options.namespaces.create(container.id);
    this.serve(container);
  }

  /** Opens the sandbox of a container whose process has ended, for another process. */
  async reopen(container: OwnContainer): Promise<void> {
    await this.processes.reset(container.id);
    await this.open(container);
  }

  /** Pins the sandbox of a container that another program made; changes nothing in it yet. */
  async pin({ id, namespace }: AdoptedContainer): Promise<void> {
    await this.#options.namespaces.adopt(id, namespace);
  }

  /** Starts serving names in an adopted sandbox, and then points the container's files to the resolver. */
  async equip(container: AdoptedContainer): Promise<void> {
    makeDirectory(this.#file, container.id);
    this.serve(container);
    await this.adoptedFiles.write(container);
  }

  /** Serves the names of a container that has a sandbox; harmless twice. */
  serve(container: ContainerRecord): void {
    this.#resolvers.serve(container);
  }

  /** Closes a sandbox; `forget` removes its files. Goes on past failures. */
  async close(container: ContainerRecord, forget: boolean): Promise<void> {
    const { id } = container;
    this.#ownFiles.forget(id);
    const steps = [
      ...this.#resolvers.closing(id),
      ...container.kind === "adopted" ? [() => this.adoptedFiles.restore(container)] : [],
      () => this.#options.namespaces.remove(id),
      ...forget ? [() => removeAll(this.#file(id, ""))] : [],
    ];
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error) => failures.push(error));
    if (failures.length === 0) return;
    throw new NetsvcError("kernel", `Cannot clean up the sandbox ${shortId(id)}`, {
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }

  /** Stops serving names; namespaces and files stay. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.adoptedFiles.close();
    await this.#resolvers.stop();
  }

  /** Number of sandboxes whose names are served. */
  get size(): number {
    return this.#resolvers.size;
  }

  #refresh(stale: readonly string[]): void {
    for (const id of stale) {
      const container = this.#resolvers.has(id) ? this.#living(id) : undefined;
      if (!container) continue;
      this.#writeFiles(container).catch((error) =>
        log.warn("Cannot write the files of container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    }
  }

  /** Writes a container's files; those of own containers before it returns. */
  async #writeFiles(container: ContainerRecord): Promise<void> {
    const { id } = container;
    if (container.kind === "own") this.#ownFiles.write(container, this.#addresses(id));
    else await this.adoptedFiles.writeSoon(id);
  }

  #living(id: string): ContainerRecord | undefined {
    const container = this.#options.state.containers.get(id)?.record;
    return container?.state === "exited" ? undefined : container;
  }

  /** Addresses that a container has through its services. */
  #addresses(id: string): string[] {
    return this.#options.state.servicesBackedBy(id)
      .filter(({ record }) => !record.leg)
      .flatMap(({ record }) => record.addresses.map(bareAddress));
  }
}

async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

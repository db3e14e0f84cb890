/**
 * The files of adopted containers: writes are serialised per container, and repeated when its networks change.
 *
 * @module
 */
import { KeyedMutex } from "../../../lib/async/keyed_mutex.ts";
import type { AdoptedContainer } from "../../model/container.ts";
import type { FileOf } from "../processes/container_files.ts";
import { AdoptedFiles, type Taken } from "./adopted_files.ts";
import { InsideFiles } from "./inside_files.ts";

export { adoptedUpstreams } from "./adopted_files.ts";

/** Callbacks of {@linkcode AdoptedFileWriter}. */
export interface AdoptedFileWriterOptions {
  file: FileOf;
  /** Addresses that a container has through its services. */
  addresses: (id: string) => string[];
  /** The container's current record, if its names are served. */
  current: (id: string) => AdoptedContainer | undefined;
  /** Called when a container's resolver starts to be asked in place of another one. */
  onChanged: (id: string) => void;
}

/** Writes the files of adopted containers. */
export class AdoptedFileWriter {
  readonly #options: AdoptedFileWriterOptions;
  readonly #inside = new InsideFiles();
  readonly #queues = new KeyedMutex();
  /** Containers whose files need another write. */
  readonly #awaiting = new Set<string>();
  /** Problems that were logged, by container. */
  readonly #told = new Map<string, string>();

  constructor(options: AdoptedFileWriterOptions) {
    this.#options = options;
  }

  /** The files of one container. */
  of(id: string): AdoptedFiles {
    return new AdoptedFiles(this.#options.file(id, ""), this.#inside, this.#told);
  }

  /** The nameservers that a container uses. */
  nameservers(container: AdoptedContainer): Promise<string[]> {
    return this.of(container.id).nameservers(container);
  }

  /** Points a container's files to netsvc's resolver. */
  write(container: AdoptedContainer): Promise<Taken> {
    return this.#queues.run(container.id, () => this.#write(container));
  }

  async #write(container: AdoptedContainer): Promise<Taken> {
    const { id } = container;
    const taken = await this.of(id).take(container, this.#options.addresses(id));
    if (taken.changed) this.#options.onChanged(id);
    return taken;
  }

  /** Writes a container's files soon, once for all changes that come while a write is in progress. */
  async writeSoon(id: string): Promise<void> {
    if (this.#awaiting.has(id)) return;
    this.#awaiting.add(id);
    await this.#queues.run(id, async () => {
      this.#awaiting.delete(id);
      const container = this.#options.current(id);
      if (container) await this.#write(container);
    });
  }

  /**
   * Writes the files of a container again, and tells whether they are as they should be: its engine may still be
   * writing its own.
   */
  async retake(container: AdoptedContainer): Promise<boolean> {
    if (!this.#options.current(container.id)) return true;
    return (await this.write(container)).taken;
  }

  /** Resolves when a container's files reflect the current state. */
  async written(id: string): Promise<void> {
    await Promise.resolve(); // Changes of this turn are only recorded at its end.
    await this.#queues.idle(id);
  }

  /** Restores the files of a container. */
  restore(container: AdoptedContainer): Promise<void> {
    return this.#queues.run(container.id, () => this.of(container.id).restore(container));
  }

  /** Resolves when no write is in progress. */
  async close(): Promise<void> {
    this.#inside.close();
    await this.#queues.idle();
  }
}

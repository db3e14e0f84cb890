/**
 * The files of adopted containers, written one after the other, and again when their networks change.
 *
 * @module
 */
import { KeyedMutex } from "../../../lib/async/keyed_mutex.ts";
import type { AdoptedContainer } from "../../model/container.ts";
import type { FileOf } from "../processes/container_files.ts";
import { AdoptedFiles, type Taken } from "./adopted_files.ts";
import { InsideFiles } from "./inside_files.ts";

export { adoptedUpstreams } from "./adopted_files.ts";

/** What {@linkcode AdoptedFileWriter} asks for. */
export interface AdoptedFileWriterOptions {
  file: FileOf;
  /** Addresses that a container has by its services. */
  addresses: (id: string) => string[];
  /** The container as it is now, if its names are served. */
  current: (id: string) => AdoptedContainer | undefined;
  /** Called when a container is asked for its files for the first time, or again. */
  onChanged: (id: string) => void;
}

/** Writes files. */
export class AdoptedFileWriter {
  readonly #options: AdoptedFileWriterOptions;
  readonly #inside = new InsideFiles();
  readonly #queues = new KeyedMutex();
  /** Containers whose files are to be written once more. */
  readonly #awaiting = new Set<string>();
  /** What was said of their files. */
  readonly #told = new Map<string, string>();

  constructor(options: AdoptedFileWriterOptions) {
    this.#options = options;
  }

  /** The files of one container. */
  of(id: string): AdoptedFiles {
    return new AdoptedFiles(this.#options.file(id, ""), this.#inside, this.#told);
  }

  /** The nameservers that a container has. */
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

  /** However often a container changes while its files are written, they are written once more. */
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
   * Writes the files of a container again, and tells whether they are as they should be: its engine may
   * still be writing its own.
   */
  async retake(container: AdoptedContainer): Promise<boolean> {
    if (!this.#options.current(container.id)) return true;
    return (await this.write(container)).taken;
  }

  /** Answers when what the state says by now is in the files of a container. */
  async written(id: string): Promise<void> {
    await Promise.resolve(); // What has changed in this turn is only noted at its end.
    await this.#queues.idle(id);
  }

  /** Gives the files of a container back as they were. */
  restore(container: AdoptedContainer): Promise<void> {
    return this.#queues.run(container.id, () => this.of(container.id).restore(container));
  }

  /** Ends when nothing is being written. */
  async close(): Promise<void> {
    this.#inside.close();
    await this.#queues.idle();
  }
}

/**
 * Actions on a container that are the same for own and adopted ones.
 *
 * @module
 */
import type { Removed } from "../../../lib/api/types.ts";
import type { ProcessIdentity } from "../../../lib/linux/processes/process_table.ts";
import { type ContainerRecord, ifAdopted } from "../../model/container.ts";
import type { Containers } from "../containers/containers.ts";
import type { AdoptedReaper } from "./reap.ts";
import type { Release } from "./release.ts";

/** What {@linkcode AnyContainer} works with. */
export interface AnyContainerParts {
  containers: Containers;
  reaper: AdoptedReaper;
  release: Release;
}

/** Own and adopted containers alike. */
export class AnyContainer {
  readonly #parts: AnyContainerParts;

  constructor(parts: AnyContainerParts) {
    this.#parts = parts;
  }

  /** Removes a container that netsvc made, or releases an adopted one. @throws {NetsvcError} `in_use` */
  async remove(reference: string, force: boolean): Promise<Removed> {
    const { containers, release } = this.#parts;
    const found = containers.store.find(reference);
    return await (found.kind === "own"
      ? containers.removal.remove(found, force)
      : release.remove(found, force));
  }

  /** Reaps a container if it has ended. */
  async reap(id: string): Promise<void> {
    const { containers, reaper } = this.#parts;
    await (ifAdopted(containers.store.get(id)) ? reaper.reap(id) : containers.reaper.reap(id));
  }

  /** Reaps a container when its process ends. */
  watch({ id, kind }: ContainerRecord, running: ProcessIdentity): void {
    const { containers, reaper } = this.#parts;
    if (kind === "own") containers.reaper.watch(id, running);
    else reaper.watch(id, running);
  }
}

/**
 * Renames containers that netsvc made.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkName } from "../../../lib/api/names.ts";
import type { Container } from "../../../lib/api/types.ts";
import type { OwnContainer } from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { Context } from "../context.ts";
import { containerLabel } from "../labels.ts";
import type { Services } from "../services/services.ts";
import { type ContainerStore, ENGINES } from "./container_store.ts";
import { showContainer } from "./show.ts";

export class Renames {
  readonly #context: Context;
  readonly #store: ContainerStore;
  readonly #services: Services;

  constructor(
    context: Context,
    { store, services }: { store: ContainerStore; services: Services },
  ) {
    this.#context = context;
    this.#store = store;
    this.#services = services;
  }

  /**
   * Renames a container and its own service; addresses, connections and its host name stay.
   *
   * @throws {NetsvcError} `invalid`, `not_found`, `exists` when another container has the name
   */
  async rename(reference: string, name: string): Promise<Container> {
    checkName("container", name);
    const { id } = this.#own(reference);
    return await this.#context.locks.container(id, async () => {
      const container = this.#store.own(id);
      this.#store.checkName(name, id);
      const renamed: ServiceRecord[] = [];
      try {
        // Services first, since they may refuse: another service may have the name.
        for (const { record: service } of this.#context.state.servicesBackedBy(id)) {
          await this.#services.amend(service.id, {
            name: service.auto === id && !service.leg ? name : service.name,
            containerName: name,
          });
          renamed.push(service);
        }
        await this.#store.changeOwn(id, (container) => {
          this.#store.checkName(name, id);
          return { ...container, name };
        });
      } catch (error) {
        await this.#rollback(container, renamed);
        throw error;
      }
      return showContainer(this.#context, this.#store.own(id));
    });
  }

  #own(reference: string): OwnContainer {
    const found = this.#store.find(reference);
    if (found.kind === "own") return found;
    const { runtime } = found;
    throw new NetsvcError(
      "invalid",
      `The container "${containerLabel(found)}" isn't netsvc's; its own program renames it` +
        (ENGINES.includes(runtime) ? `: ${runtime} rename` : ""),
    );
  }

  async #rollback({ name: before }: OwnContainer, services: ServiceRecord[]): Promise<void> {
    for (const { id, name } of services) {
      const containerName = before === undefined ? {} : { containerName: before };
      // The first failure is the one to report.
      await this.#services.amend(id, { name, ...containerName }).catch(() => {});
    }
  }
}

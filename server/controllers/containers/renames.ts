/**
 * Containers under another name.
 *
 * @module
 */
import { containerRecords } from "../../model/repository/containers.ts";
import type { ContainerRecord } from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkName } from "../../../lib/api/names.ts";
import type { Container } from "../../../lib/api/types.ts";
import type { Containers } from "./containers.ts";
import { type Context, decideAndCommit } from "../context.ts";
import { containerLabel, inCase } from "../labels.ts";
import type { Services } from "../services/services.ts";

/** Renames containers of netsvc's. */
export class Renames {
  readonly #context: Context;
  readonly #services: Services;
  readonly #containers: Containers;

  constructor(context: Context, services: Services, containers: Containers) {
    this.#context = context;
    this.#services = services;
    this.#containers = containers;
  }

  /**
   * Gives a container another name, and the service that it is by itself along with it; addresses,
   * connections and its host name stay.
   *
   * @throws {NetsvcError} `invalid`, `not_found`, `exists` when the name is another's
   */
  async rename(reference: string, name: string): Promise<Container> {
    checkName("container", name);
    const { record: found } = this.#containers.find(reference);
    const { id } = found;
    if (found.kind === "adopted") {
      throw new NetsvcError(
        "invalid",
        `The container "${containerLabel(found)}" isn't netsvc's; its own program renames it` +
          (["docker", "podman"].includes(found.runtime) ? `: ${found.runtime} rename` : ""),
      );
    }
    return await this.#context.locks.container(id, async () => {
      const { record } = this.#containers.find(id);
      this.#checkFree(record, name);
      const services = this.#context.state.servicesBackedBy(id).map(({ record }) => record);
      const done: ServiceRecord[] = [];
      try {
        // First what may be refused: a service of that name may be another's.
        for (const service of services) {
          await this.#services.amend(service.id, {
            name: service.auto === id && !service.leg ? name : service.name,
            containerName: name,
          });
          done.push(service);
        }
        await this.#commit(record, name);
      } catch (error) {
        for (const { id, name } of done) {
          const before = record.name === undefined ? {} : { containerName: record.name };
          await this.#services.amend(id, { name, ...before }).catch(() => {}); // The first one counts.
        }
        throw error;
      }
      return this.#containers.info(id);
    });
  }

  #checkFree({ id }: ContainerRecord, name: string): void {
    const other = this.#context.state.containerByName(name)?.record;
    if (!other || other.id === id) return;
    throw new NetsvcError(
      "exists",
      `The container "${name}" already exists${inCase(name, other.name)}; choose another name or ` +
        `remove it first`,
    );
  }

  async #commit({ id }: ContainerRecord, name: string): Promise<void> {
    await decideAndCommit(this.#context.state.local, () => {
      const stored = this.#containers.find(id);
      this.#checkFree(stored.record, name);
      const transaction = containerRecords.replace(stored, { ...stored.record, name });
      return { transaction, result: undefined };
    });
  }
}

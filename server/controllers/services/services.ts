/**
 * Assembles what is done with services, each action in a file of its own. `endpoints/` attaches their backends.
 *
 * @module
 */
import type { PublishService, Service, UpdateService } from "../../../lib/api/types.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import type { BackendRecord, ServiceRecord } from "../../model/records.ts";
import type { StoredService } from "../../model/state.ts";
import type { Context } from "../context.ts";
import { ServiceAddresses } from "./addresses.ts";
import { type Owner, PublishServices } from "./publish.ts";
import { type Amendment, amendService } from "./rename.ts";
import { currentService, elsewhere, hostName, serviceLabel } from "./service_labels.ts";
import { ShowServices } from "./show.ts";
import { UnpublishServices } from "./unpublish.ts";
import { updateService } from "./update.ts";

/** All actions on services. */
export class Services {
  /** Publishing, for callers that attach a container in the same transaction. */
  readonly publishing: PublishServices;
  /** Unpublishing, for callers that detach a container in the same transaction. */
  readonly unpublishing: UnpublishServices;
  readonly #context: Context;
  readonly #show: ShowServices;
  readonly #addresses: ServiceAddresses;

  constructor(context: Context, ipams: Ipams) {
    this.#context = context;
    this.#show = new ShowServices(context);
    this.#addresses = new ServiceAddresses(context.state);
    this.publishing = new PublishServices({
      context,
      ipams,
      show: this.#show,
      addresses: this.#addresses,
    });
    this.unpublishing = new UnpublishServices(context, ipams);
  }

  /** Callbacks that list addresses for returning containers: other services get them only when no other is free. */
  get reserved(): ((network: string) => string[])[] {
    return this.#addresses.reserved;
  }

  list(network?: string): Promise<Service[]> {
    return this.#show.list(network);
  }

  counts(): Promise<Map<string, number>> {
    return this.#show.counts();
  }

  show(service: ServiceRecord): Service {
    return this.#show.show(service);
  }

  info(reference: string): Promise<Service> {
    return this.#show.info(reference);
  }

  ensure(network: string): Promise<void> {
    return this.#show.ensure(network);
  }

  find(reference: string): Promise<StoredService> {
    return this.#show.find(reference);
  }

  named(network: string, name: string): StoredService | undefined {
    return this.#show.named(network, name);
  }

  /** @throws {NetsvcError} `not_found` when it was unpublished meanwhile */
  current(id: string): StoredService {
    return currentService(this.#context.state, id);
  }

  async publish(request: PublishService, owner?: Owner): Promise<Service> {
    const published = await this.publishing.publish(request, owner);
    await this.#context.balancer?.settled();
    return published;
  }

  amend(id: string, amendment: Amendment): Promise<void> {
    return amendService(this.#context, { ...amendment, service: id });
  }

  async update(reference: string, request: UpdateService): Promise<Service> {
    const { record } = await this.find(reference);
    const parts = { context: this.#context, addresses: this.#addresses, request };
    const updated = await updateService(record.id, parts);
    await this.#context.balancer?.settled();
    return this.show(updated);
  }

  async unpublish(id: string): Promise<void> {
    await this.unpublishing.unpublish(id);
    await this.#context.balancer?.settled();
  }

  label(service: ServiceRecord): string {
    return serviceLabel(this.#context.state, service);
  }

  hostName({ network }: ServiceRecord, backend: BackendRecord): string {
    return hostName(this.#context, { network, backend });
  }

  elsewhere(backend: BackendRecord): string {
    return elsewhere(this.#context, backend);
  }
}

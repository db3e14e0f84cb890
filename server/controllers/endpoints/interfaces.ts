/**
 * Services whose interface name another link in the container has by now: a store that was restored from a backup
 * brings them back. They get another name, and are joined.
 *
 * @module
 */
import type { Join } from "../../../drivers/driver.ts";
import { InterfaceTaken } from "../../../drivers/links/links.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { type Context, decideAndCommit, log, networkAndDriver } from "../context.ts";
import { freeInterface, joinOf } from "./specs/driver_specs.ts";
import { networkSpec } from "../../drivers/network_spec.ts";

/**
 * Joins a service that the state says a container of this host backs; the caller holds its lock.
 *
 * @throws {NetsvcError} `conflict` when it was given to another container meanwhile; as the driver's join
 */
export async function plugIn(context: Context, service: ServiceRecord): Promise<Join> {
  const join = (record: ServiceRecord) => {
    const { network, driver } = networkAndDriver(context, record.network);
    const join = joinOf(context, record);
    return driver.join(networkSpec(network.record), join).then(() => join);
  };
  if (hasRival(context, service)) return await join(await rename(context, service));
  try {
    return await join(service);
  } catch (error) {
    if (!(error instanceof InterfaceTaken)) throw error;
    return await join(await rename(context, service));
  }
}

/** Whether another service of the same container has the same interface. */
function hasRival({ state }: Context, { id, backend }: ServiceRecord): boolean {
  return state.servicesBackedBy(backend!.container)
    .some(({ record }) => record.id !== id && record.backend!.interface === backend!.interface);
}

async function rename(context: Context, service: ServiceRecord): Promise<ServiceRecord> {
  const before = service.backend!;
  const { network } = networkAndDriver(context, service.network);
  const renamed = await decideAndCommit(context.state.mirrorOf(network.record), () => {
    const stored = context.state.services.get(service.id);
    const backend = stored?.record.backend;
    if (!stored || backend?.container !== before.container) {
      throw new NetsvcError("conflict", `The service "${service.name}" was detached meanwhile`);
    }
    const name = freeInterface(context, backend.container);
    const record: ServiceRecord = { ...stored.record, backend: { ...backend, interface: name } };
    return { transaction: serviceRecords.replace(stored, record, network.record), result: record };
  });
  log.info("Service {service} of network {network} gets the interface {now}: {before} is in use", {
    service: service.name,
    network: network.record.name,
    now: renamed.backend!.interface,
    before: before.interface,
  });
  return renamed;
}

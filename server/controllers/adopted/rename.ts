/**
 * Gives an adopted container the name that its engine has for it, and renames the services that are named after it.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { dnsName, hostedName } from "../../../lib/api/names.ts";
import { ifAdopted } from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { ContainerStore } from "../containers/container_store.ts";
import type { Context } from "../context.ts";
import type { Services } from "../services/services.ts";

/** What {@linkcode followName} works with. */
export interface NameParts {
  store: ContainerStore;
  services: Pick<Services, "amend">;
}

/** Gives a container its engine's name; does nothing when it has it. */
export async function followName(
  { context, store, services }: NameParts & { context: Context },
  { id, name }: { id: string; name: string },
): Promise<void> {
  await context.locks.container(id, async () => {
    const container = ifAdopted(store.get(id));
    if (!container || container.name === name) return;
    for (const { record } of context.state.servicesBackedBy(id)) {
      const names = serviceNames(record, {
        before: container.name ?? "",
        name,
        host: context.host,
      });
      await renameService(services, record.id, { names, containerName: name });
    }
    await store.changeAdopted(id, (container) => ({ ...container, name }));
  });
}

/**
 * Names that a service may get when its container is renamed, best first. A container's own service has the
 * container's name, or a similar one where another service has that. Pure.
 */
export function serviceNames(
  { name: current, auto, backend }: Pick<ServiceRecord, "name" | "auto" | "backend">,
  { before, name, host }: { before: string; name: string; host: string },
): string[] {
  const isOwn = auto !== undefined && auto === backend?.container &&
    [dnsName(before), hostedName(before, host)].includes(current);
  return isOwn ? [dnsName(name), hostedName(name, host), current] : [current];
}

async function renameService(
  services: Pick<Services, "amend">,
  id: string,
  { names, containerName }: { names: string[]; containerName: string },
): Promise<void> {
  for (const name of names) {
    try {
      return await services.amend(id, { name, containerName });
    } catch (error) {
      if (!(error instanceof NetsvcError) || error.code !== "exists") throw error;
    }
  }
}

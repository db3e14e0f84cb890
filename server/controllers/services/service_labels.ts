/**
 * Labels of services and their hosts in messages.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { BackendRecord, ServiceRecord } from "../../model/records.ts";
import type { State, StoredService } from "../../model/state.ts";

/** `SERVICE.NETWORK`. */
export function serviceLabel(
  state: State,
  service: Pick<ServiceRecord, "name" | "network">,
): string {
  return `${service.name}.${state.networks.get(service.network)?.record.name ?? "?"}`;
}

/** ` on host "NAME"` of a backend that isn't on this one. */
export function elsewhere({ hostId }: { hostId: string }, backend: BackendRecord): string {
  return backend.hostId === hostId ? "" : ` on host "${backend.host}"`;
}

/** Current name of a backend's host: it may have had another one at the attachment. */
export function hostName(
  { state, host, hostId }: { state: State; host: string; hostId: string },
  { network, backend }: { network: string; backend: BackendRecord },
): string {
  if (backend.hostId === hostId) return host;
  return state.members.get(network, backend.hostId)?.name ?? backend.host;
}

/** A service as it is now. @throws {NetsvcError} `not_found` when it was unpublished meanwhile */
export function currentService(state: State, id: string): StoredService {
  const stored = state.services.get(id);
  if (stored) return stored;
  throw new NetsvcError("not_found", `No such service: "${shortId(id)}"; it was unpublished`);
}

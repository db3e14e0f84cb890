/**
 * Whether an attachment still stands: this or another host may have ended it meanwhile.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { ServiceRecord } from "../../../model/records.ts";
import type { State } from "../../../model/state.ts";
import { serviceLabel } from "../../services/service_labels.ts";

/** Whether a service still has the backend that it was given. */
export function isStanding(state: State, { id, network, backend }: ServiceRecord): boolean {
  const now = state.services.get(id)?.record.backend;
  return state.networks.has(network) && now?.hostId === backend?.hostId &&
    now?.container === backend?.container && now?.attached === backend?.attached;
}

/** @throws {NetsvcError} `not_found`, `conflict` when the attachment has been ended */
export function checkStands(state: State, service: ServiceRecord): void {
  if (isStanding(state, service)) return;
  if (!state.networks.has(service.network)) {
    throw new NetsvcError(
      "not_found",
      `No such service: "${service.name}"; its network was removed while the container was being ` +
        `attached`,
    );
  }
  const label = serviceLabel(state, service);
  const now = state.services.get(service.id)?.record;
  if (!now) {
    throw new NetsvcError(
      "not_found",
      `No such service: "${label}"; it was unpublished while the container was being attached`,
    );
  }
  throw new NetsvcError(
    "conflict",
    `The service "${label}" was ${
      now.backend ? `given to host "${now.backend.host}"` : "detached by another client"
    } while the container was being attached; try again`,
  );
}

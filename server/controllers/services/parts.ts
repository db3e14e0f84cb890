/**
 * Finds the endpoints of services with many backends.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { byState } from "../confirmed.ts";
import type { Context } from "../context.ts";
import { backendContainer, containerLabel, nameList } from "../labels.ts";
import { tryFindContainer } from "../lookup.ts";
import { serviceLabel } from "./service_labels.ts";

/** A backend of a service, as a user names it. */
export interface PartWanted {
  service: ServiceRecord;
  /** A container of this host by any reference, of another one by its name, its id or a prefix of it. */
  container: string;
}

/**
 * The endpoint of a service with many backends that a container backs, on a living host or not.
 *
 * @throws {NetsvcError} `invalid`, `ambiguous`
 */
export function partOf(
  { state }: Pick<Context, "state">,
  { service, container }: PartWanted,
): ServiceRecord {
  const parts = state.partsOf(service.id).map(({ record }) => record);
  const own = tryFindContainer(state, container)?.record.id;
  const found = parts.find(({ backend }) => backend!.container === own);
  if (found) return found;
  const named = parts.filter(({ backend }) => backend!.containerName === container);
  const fitting = named.length > 0
    ? named
    : parts.filter(({ backend }) => container !== "" && backend!.container.startsWith(container));
  if (fitting.length === 1) return fitting[0]!;
  const label = serviceLabel(state, service);
  const names = parts.map(({ backend }) => containerLabel(backendContainer(backend!)));
  if (fitting.length > 1) {
    throw new NetsvcError(
      "ambiguous",
      `"${container}" fits ${fitting.length} backends of service "${label}"; give more digits of ` +
        `the id`,
    );
  }
  throw byState(
    new NetsvcError(
      "invalid",
      `The container "${container}" doesn't back service "${label}"; it has ` +
        (names.length === 0 ? "no backend" : nameList("backend", names)),
    ),
  );
}

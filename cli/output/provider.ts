/**
 * The backend of a service, in words.
 *
 * @module
 */
import { shortId } from "../../lib/api/names.ts";
import type { Service } from "../../lib/api/types.ts";

/** The container behind a service, as tables show it: its name if netsvc made it, else its id. */
export function providerName(service: Service): string {
  const container = service.backend?.container;
  if (!container) return "";
  return (container.runtime === "netsvc" ? container.name : undefined) ?? shortId(container.id);
}

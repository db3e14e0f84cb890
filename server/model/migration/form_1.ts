/**
 * Form 1 of a store's records, up to 2026-11: a service and its endpoint were one record, which had no
 * version, or said `schema` 1. Pure.
 *
 * @module
 */
import { z } from "zod";
import type { Entry, Put } from "../../../kv/store.ts";
import type { ServiceRecord } from "../records.ts";
import { parsed, unversioned, versionOf } from "../repository/record_type.ts";
import { serviceRecords } from "../repository/services.ts";

/** The fields that a service of form 1 has at least; its other fields pass into the two records. */
const Service = z.looseObject({
  id: z.string().min(1),
  name: z.string(),
  network: z.string().min(1),
  created: z.string(),
  addresses: z.array(z.string()),
  mac: z.string(),
  aliases: z.array(z.string()),
  ports: z.array(z.looseObject({})),
  backend: z.looseObject({ container: z.string(), hostId: z.string() }).optional(),
});

/**
 * The two records that a service of form 1 becomes; `undefined` for anything else. Its endpoint has the service's
 * id, so that names of links, addresses and records of containers stay valid.
 */
export function separated({ key, value }: Pick<Entry, "key" | "value">): Put[] | undefined {
  const record = parsed(value);
  if (typeof record !== "object" || record === null || versionOf(record) !== 1) return undefined;
  const fields = unversioned(record);
  const read = Service.safeParse(fields);
  if (!read.success || key !== `services/${read.data.network}/${read.data.id}`) return undefined;
  return serviceRecords.puts({ ...fields, mode: "single" } as unknown as ServiceRecord);
}

/**
 * Request bodies as Docker's clients send them: Go encodes empty values as `null`.
 *
 * @module
 */
import { safely, UNREADABLE } from "../../../lib/api/safely.ts";
import { z } from "zod";
import { schemaError } from "../../http/problems.ts";
import { readBody } from "../../http/body.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";

/**
 * Matches an object's keys regardless of case, like Go's JSON decoder: some clients send `enableIPv6`. Of
 * two keys that match, the last one that isn't `null` counts.
 */
export function inGosCase(
  value: Record<string, unknown>,
  names: Iterable<string>,
): Record<string, unknown> {
  const known = new Map([...names].map((name) => [name.toLowerCase(), name]));
  const read: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const name = known.get(key.toLowerCase()) ?? key;
    if (item !== null || !Object.hasOwn(read, name)) read[name] = item;
  }
  return read;
}

function goObject<T extends z.ZodRawShape>(shape: T) {
  const isObject = (value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  return z.preprocess(
    (value) =>
      isObject(value) ? inGosCase(value as Record<string, unknown>, Object.keys(shape)) : value,
    z.object(shape),
  );
}

/** A field that may be missing or `null`. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const text = optional(z.string());
const flag = optional(z.boolean());
const texts = optional(z.array(z.string()));
const map = optional(z.record(z.string(), z.string()));

/** Body of `POST /networks/create`. */
export const NetworkCreate = goObject({
  Name: z.string(),
  CheckDuplicate: flag,
  Driver: text,
  Scope: text,
  EnableIPv4: flag,
  EnableIPv6: flag,
  IPAM: optional(goObject({
    Driver: text,
    Options: map,
    Config: optional(z.array(goObject({
      Subnet: text,
      IPRange: text,
      Gateway: text,
      AuxiliaryAddresses: map,
    }))),
  })),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: optional(goObject({ Network: text })),
  Options: map,
  Labels: map,
});

/**
 * The settings of a container's endpoint. Clients often send back the other fields of an inspection
 * (addresses, ids, DNS names), which are ignored, as by Docker.
 */
export const EndpointConfig = goObject({
  IPAMConfig: optional(goObject({
    IPv4Address: text,
    IPv6Address: text,
    LinkLocalIPs: texts,
  })),
  Links: texts,
  Aliases: texts,
  MacAddress: text,
  DriverOpts: map,
  GwPriority: optional(z.number().int()),
});

/** Body of `POST /networks/{id}/connect`. */
export const NetworkConnect = goObject({
  Container: z.string(),
  EndpointConfig: optional(EndpointConfig),
});

/** Body of `POST /networks/{id}/disconnect`. */
export const NetworkDisconnect = goObject({ Container: z.string(), Force: flag });

/** Any object: fields that netsvc doesn't handle are forwarded unchanged. */
export const Anything = z.record(z.string(), z.unknown());

/** Parses a body by its schema. @throws {NetsvcError} `invalid` naming the field, `too_large` */
export async function readJson<T extends z.ZodType>(
  request: Request,
  schema: T,
): Promise<z.output<T>> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type !== "application/json") {
    throw new NetsvcError(
      "invalid",
      `unsupported Content-Type header (${type}): must be 'application/json'`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(await readBody(request)));
  } catch (error) {
    if (error instanceof NetsvcError) throw error;
    throw new NetsvcError("invalid", "The body is no JSON", { cause: error });
  }
  const read = safely(() => schema.safeParse(value));
  if (read?.success) return read.data;
  throw read ? schemaError(read.error) : new NetsvcError("invalid", UNREADABLE);
}

/**
 * Corrects optional fields in the OpenAPI document. Its generator marks a field as required unless the field
 * accepts `undefined`; netsvc's fields may be missing, but not `undefined` (`exactOptional`).
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** The fields of the document's objects that are read here. */
interface Described {
  $ref?: string;
  required?: string[];
  properties?: Record<string, Described>;
  items?: Described;
  additionalProperties?: Described | boolean;
  allOf?: Described[];
}

/** Corrects a document in place, by the named schemas that it was generated from. */
export function correctOptionalFields(
  described: Record<string, unknown>,
  schemas: Record<string, unknown>,
): void {
  for (const [name, schema] of Object.entries(schemas)) {
    const known = described[name];
    if (known && schema instanceof z.ZodType) correct(known as Described, schema);
  }
}

function correct(described: Described, schema: z.core.$ZodType): void {
  if (described.$ref !== undefined) return; // The referenced schema is corrected by its own name.
  if (schema instanceof z.ZodExactOptional || schema instanceof z.ZodOptional) {
    return correct(described, schema.unwrap());
  }
  if (schema instanceof z.ZodArray && described.items) {
    return correct(described.items, schema.element);
  }
  if (schema instanceof z.ZodRecord && typeof described.additionalProperties === "object") {
    return correct(described.additionalProperties, schema.valueType);
  }
  if (!(schema instanceof z.ZodObject)) return;
  const shape = schema.shape as Record<string, z.core.$ZodType>;
  for (const part of [described, ...described.allOf ?? []]) {
    for (const [key, property] of Object.entries(part.properties ?? {})) {
      if (shape[key]) correct(property, shape[key]);
    }
    const required = part.required?.filter((key) => shape[key]?._zod.optin !== "optional");
    if (required?.length === 0) delete part.required;
    else if (required) part.required = required;
  }
}

/**
 * What the OpenAPI document says of fields that may be left out. Its generator takes a field for required
 * that doesn't take `undefined`; ours may be missing, and are nothing else then (`exactOptional`).
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** An object of the document, as far as it is looked at. */
interface Described {
  $ref?: string;
  required?: string[];
  properties?: Record<string, Described>;
  items?: Described;
  additionalProperties?: Described | boolean;
  allOf?: Described[];
}

/** Corrects, in place, what a document says of the schemas that it was made from, by their names. */
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
  if (described.$ref !== undefined) return; // It has its own turn.
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

/**
 * Kinds of fields that several objects have.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** Most items in one list of a request. */
const MAX_ITEMS = 256;

/** A text of a request; whether it is empty or malformed is judged where its meaning is known. */
export const text = (max: number) => z.string().max(max);

/** A list of a request. */
export const list = <T extends z.ZodType>(item: T) => z.array(item).max(MAX_ITEMS);

/** Names and values: options, labels. */
export const strings = z.record(z.string().max(255), z.string().max(4096));

/** An object's id. */
export const id = z.string().regex(/^[0-9a-f]{64}$/).openapi({ example: "aae601f43744…" });

/** A time as answers have it. */
export const time = z.string().describe("RFC 3339, UTC");

/** The store that holds an object. */
export const Scope = z.enum(["local", "global"]).describe(
  "local: this host's own; global: in the shared store, on all hosts",
);

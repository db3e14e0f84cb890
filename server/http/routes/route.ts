/**
 * Building blocks of all routes: parameters, bodies, answers.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import * as schemas from "../../../lib/api/schemas/mod.ts";

/** The application that routes are added to. */
export type App = OpenAPIHono;

/** `{ref}`: a name, an id or the unique prefix of one. */
export const Ref = z.object({
  ref: z.string().min(1).max(256).openapi({
    param: { name: "ref", in: "path" },
    description: "Name, id, or unique prefix of an id",
    example: "my-service.foo",
  }),
});

/** `?force=true`. */
export const Force = z.object({
  force: z.enum(["true", "false"]).optional().openapi({ param: { name: "force", in: "query" } }),
});

/** `?since=MILLISECONDS`, counted since 1970. */
export const Since = z.object({
  since: z.coerce.number().min(0).optional().openapi({
    param: { name: "since", in: "query" },
    description: "Also what was from then on, in milliseconds since 1970",
    type: "number",
  }),
});

const problem = {
  description: "Error (RFC 9457)",
  content: { "application/problem+json": { schema: schemas.Problem } },
};

/** An answer in JSON. */
export function answer<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** A text answer of a content type. */
export function textAnswer(description: string, type: string) {
  return { description, content: { [type]: { schema: z.string() } } };
}

/** A required body in JSON. */
export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } } as const;
}

/** A JSON body that a request may omit. */
export function optionalBody<T extends z.ZodType>(schema: T) {
  return { required: false, content: { "application/json": { schema } } } as const;
}

/** Error answers of every route. */
export const errors = { "4XX": problem, "5XX": problem } as const;

export { createRoute, z };

/**
 * Requests and answers, as zod schemas: one file per object. The OpenAPI document and the types
 * of `lib/api/types.ts` are made from them. Unknown keys of a request are refused, so that a misspelt
 * option is an error and not silence.
 *
 * @module
 */
export * from "./cluster.ts";
export * from "./container.ts";
export * from "./host.ts";
export * from "./network.ts";
export * from "./process.ts";
export * from "./service.ts";
export * from "./system.ts";

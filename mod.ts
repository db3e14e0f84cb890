/**
 * What a program may import of netsvc: the API's client and its types, and the interfaces that
 * stores and drivers implement.
 *
 * @module
 */
export { Client, type ClientOptions } from "./cli/client/client.ts";
export type * from "./lib/api/types.ts";
export {
  ERROR_STATUS,
  type ErrorCode,
  NetsvcError,
  type NetsvcErrorOptions,
} from "./lib/api/errors.ts";
export type * from "./kv/store.ts";
export type * from "./drivers/driver.ts";

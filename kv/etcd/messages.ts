/**
 * Messages of etcd's gRPC API from tables of their fields.
 *
 * @module
 */
import Long from "long";
import protobuf from "protobufjs/light.js";

// Bundled, protobufjs doesn't find it by itself and would round 64-bit integers.
protobuf.util.Long = Long;
protobuf.configure();

/** Messages by name, each with its fields by name. */
export type Messages = Record<string, Record<string, [id: number, type: string, repeated?: true]>>;

/** Encodes and decodes the messages of one method. */
export interface Codec<Request, Response> {
  path: string;
  encode(request: Request): Uint8Array;
  decode(bytes: Uint8Array): Response;
}

const FORM = { longs: String, enums: String, defaults: true, arrays: true } as const;

/** The types of some messages and enumerations. */
export function protocol(
  messages: Messages,
  enums: Record<string, Record<string, number>> = {},
): protobuf.Root {
  return protobuf.Root.fromJSON({
    nested: {
      ...Object.fromEntries(Object.entries(enums).map(([name, values]) => [name, { values }])),
      ...Object.fromEntries(
        Object.entries(messages).map(([name, fields]) => [name, {
          fields: Object.fromEntries(
            Object.entries(fields).map(([field, [id, type, repeated]]) => [
              field,
              { id, type, ...repeated && { rule: "repeated" as const }, options: { proto3: true } },
            ]),
          ),
        }]),
      ),
    },
  });
}

/** The codec of a method, e.g. `KV/Range`: its messages are `RangeRequest` and `RangeResponse`. */
export function codecOf<Request, Response>(
  root: protobuf.Root,
  method: string,
): Codec<Request, Response> {
  const name = method.slice(method.indexOf("/") + 1);
  const request = root.lookupType(`${name}Request`);
  const response = root.lookupType(`${name}Response`);
  return {
    path: `/etcdserverpb.${method}`,
    encode: (value) => request.encode(request.fromObject(value as object)).finish(),
    decode: (bytes) => response.toObject(response.decode(bytes), FORM) as Response,
  };
}

/**
 * The part of etcd's gRPC API that netsvc speaks. Source: etcd 3.4, `etcdserver/etcdserverpb/rpc.proto`
 * and `mvcc/mvccpb/kv.proto`. 64-bit integers are decimal texts here.
 *
 * @module
 */
import { type Codec, codecOf, type Messages, protocol } from "./messages.ts";

/** Of every answer. */
export interface Header {
  cluster_id: string;
  member_id: string;
  /** Of the store, at the answer. */
  revision: string;
}

/** An entry; of a delete, `key` and `mod_revision` alone. */
export interface KeyValue {
  key: Uint8Array;
  value: Uint8Array;
  mod_revision: string;
  /** The lease that holds it; "0": none does. */
  lease: string;
}

/** A range of keys; one key without `range_end`. */
export interface RangeRequest {
  key: Uint8Array;
  range_end?: Uint8Array;
  keys_only?: boolean;
  /** Only entries that were changed at this revision or later. */
  min_mod_revision?: string;
}

/** A condition; `mod_revision` 0: the key doesn't exist. */
export interface Compare {
  result: "EQUAL";
  target: "MOD";
  key: Uint8Array;
  mod_revision: string;
}

/** One operation of a transaction. */
export type RequestOp =
  | { request_range: RangeRequest }
  | { request_put: { key: Uint8Array; value: Uint8Array; lease?: string } }
  | { request_delete_range: { key: Uint8Array } };

/** An answer to a range. */
export interface RangeResponse {
  header: Header;
  kvs: KeyValue[];
  /** How many keys the range has, also those that `min_mod_revision` leaves out. */
  count: string;
}

/** A response of the watch stream. */
export interface WatchResponse {
  header: Header;
  watch_id: string;
  created: boolean;
  canceled: boolean;
  compact_revision: string;
  cancel_reason: string;
  /** More of this follows. */
  fragment: boolean;
  events: { type: "PUT" | "DELETE"; kv: KeyValue }[];
}

/** A request of the watch stream. */
export type WatchRequest =
  | {
    create_request: {
      key: Uint8Array;
      /** One key without it. */
      range_end?: Uint8Array;
      /** From now on without it. */
      start_revision?: string;
      watch_id: string;
      fragment?: boolean;
    };
  }
  | { cancel_request: { watch_id: string } };

/** Calls with one request and one answer. */
export interface Calls {
  "KV/Range": { request: RangeRequest; response: RangeResponse };
  "KV/Txn": {
    request: { compare: Compare[]; success: RequestOp[]; failure: RequestOp[] };
    response: {
      header: Header;
      succeeded: boolean;
      responses: { response_range?: RangeResponse }[];
    };
  };
  "Lease/LeaseGrant": {
    request: { TTL: string };
    response: { header: Header; ID: string; TTL: string };
  };
  /** Both in seconds: `TTL` is what is left, -1 of a lease that has ended. */
  "Lease/LeaseTimeToLive": {
    request: { ID: string };
    response: { header: Header; ID: string; TTL: string; grantedTTL: string };
  };
  "Lease/LeaseRevoke": { request: { ID: string }; response: { header: Header } };
  "Auth/Authenticate": {
    request: { name: string; password: string };
    response: { header: Header; token: string };
  };
}

/** Calls with a stream of requests and a stream of answers. */
export interface Streams {
  "Watch/Watch": { request: WatchRequest; response: WatchResponse };
  "Lease/LeaseKeepAlive": {
    request: { ID: string };
    response: { header: Header; ID: string; TTL: string };
  };
}

const MESSAGES: Messages = {
  ResponseHeader: { cluster_id: [1, "uint64"], member_id: [2, "uint64"], revision: [3, "int64"] },
  KeyValue: {
    key: [1, "bytes"],
    mod_revision: [3, "int64"],
    value: [5, "bytes"],
    lease: [6, "int64"],
  },
  Event: { type: [1, "EventType"], kv: [2, "KeyValue"] },
  RangeRequest: {
    key: [1, "bytes"],
    range_end: [2, "bytes"],
    keys_only: [8, "bool"],
    min_mod_revision: [10, "int64"],
  },
  RangeResponse: { header: [1, "ResponseHeader"], kvs: [2, "KeyValue", true], count: [4, "int64"] },
  PutRequest: { key: [1, "bytes"], value: [2, "bytes"], lease: [3, "int64"] },
  DeleteRangeRequest: { key: [1, "bytes"] },
  RequestOp: {
    request_range: [1, "RangeRequest"],
    request_put: [2, "PutRequest"],
    request_delete_range: [3, "DeleteRangeRequest"],
  },
  ResponseOp: { response_range: [1, "RangeResponse"] },
  Compare: {
    result: [1, "CompareResult"],
    target: [2, "CompareTarget"],
    key: [3, "bytes"],
    mod_revision: [6, "int64"],
  },
  TxnRequest: {
    compare: [1, "Compare", true],
    success: [2, "RequestOp", true],
    failure: [3, "RequestOp", true],
  },
  TxnResponse: {
    header: [1, "ResponseHeader"],
    succeeded: [2, "bool"],
    responses: [3, "ResponseOp", true],
  },
  WatchRequest: {
    create_request: [1, "WatchCreateRequest"],
    cancel_request: [2, "WatchCancelRequest"],
  },
  WatchCreateRequest: {
    key: [1, "bytes"],
    range_end: [2, "bytes"],
    start_revision: [3, "int64"],
    watch_id: [7, "int64"],
    fragment: [8, "bool"],
  },
  WatchCancelRequest: { watch_id: [1, "int64"] },
  WatchResponse: {
    header: [1, "ResponseHeader"],
    watch_id: [2, "int64"],
    created: [3, "bool"],
    canceled: [4, "bool"],
    compact_revision: [5, "int64"],
    cancel_reason: [6, "string"],
    fragment: [7, "bool"],
    events: [11, "Event", true],
  },
  LeaseGrantRequest: { TTL: [1, "int64"] },
  LeaseGrantResponse: { header: [1, "ResponseHeader"], ID: [2, "int64"], TTL: [3, "int64"] },
  LeaseTimeToLiveRequest: { ID: [1, "int64"] },
  LeaseTimeToLiveResponse: {
    header: [1, "ResponseHeader"],
    ID: [2, "int64"],
    TTL: [3, "int64"],
    grantedTTL: [4, "int64"],
  },
  LeaseRevokeRequest: { ID: [1, "int64"] },
  LeaseRevokeResponse: { header: [1, "ResponseHeader"] },
  LeaseKeepAliveRequest: { ID: [1, "int64"] },
  LeaseKeepAliveResponse: { header: [1, "ResponseHeader"], ID: [2, "int64"], TTL: [3, "int64"] },
  AuthenticateRequest: { name: [1, "string"], password: [2, "string"] },
  AuthenticateResponse: { header: [1, "ResponseHeader"], token: [2, "string"] },
};

const root = protocol(MESSAGES, {
  EventType: { PUT: 0, DELETE: 1 },
  CompareResult: { EQUAL: 0 },
  CompareTarget: { MOD: 2 },
});

/** The codec of a method, e.g. `KV/Range`. */
export function codec<M extends keyof (Calls & Streams)>(
  method: M,
): Codec<(Calls & Streams)[M]["request"], (Calls & Streams)[M]["response"]> {
  return codecOf(root, method);
}

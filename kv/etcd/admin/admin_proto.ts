/**
 * The part of etcd's gRPC API that manages a cluster: members, maintenance, users. Source: etcd 3.4,
 * `etcdserver/etcdserverpb/rpc.proto` and `auth/authpb/auth.proto`. 64-bit integers are decimal texts here.
 *
 * @module
 */
import { type Messages, protocol } from "../messages.ts";

/** Of every answer. */
export interface AdminHeader {
  cluster_id: string;
  member_id: string;
  revision: string;
}

/** A member as etcd lists it; it has neither name nor client URLs until it has started. */
export interface RawMember {
  ID: string;
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}

/** An entry with what a backup needs. */
export interface RawEntry {
  key: Uint8Array;
  value: Uint8Array;
  /** "0" where it has none. */
  lease: string;
  mod_revision: string;
}

/** A condition of a transaction on a key, or on all from it to before `range_end`. */
export interface RawCompare {
  result: "EQUAL" | "LESS";
  target: "MOD";
  key: Uint8Array;
  range_end?: Uint8Array;
  /** "0": there is no such key. */
  mod_revision: string;
}

/** An alarm that a member has raised. */
export interface RawAlarm {
  memberID: string;
  alarm: "NONE" | "NOSPACE" | "CORRUPT";
}

interface Plain {
  header: AdminHeader;
}

/** Calls with one request and one answer. */
export interface AdminCalls {
  "Cluster/MemberList": { request: object; response: Plain & { members: RawMember[] } };
  "Cluster/MemberAdd": {
    request: { peerURLs: string[]; isLearner: boolean };
    response: Plain & { member: RawMember; members: RawMember[] };
  };
  "Cluster/MemberPromote": { request: { ID: string }; response: Plain };
  "Cluster/MemberRemove": { request: { ID: string }; response: Plain };
  "Cluster/MemberUpdate": { request: { ID: string; peerURLs: string[] }; response: Plain };
  "Maintenance/Status": {
    request: object;
    response: Plain & {
      version: string;
      dbSize: string;
      leader: string;
      raftIndex: string;
      raftTerm: string;
      dbSizeInUse: string;
      errors: string[];
      isLearner: boolean;
    };
  };
  "Maintenance/Alarm": {
    request: { action: "GET" | "DEACTIVATE"; memberID: string; alarm: RawAlarm["alarm"] };
    response: Plain & { alarms: RawAlarm[] };
  };
  "Maintenance/Defragment": { request: object; response: Plain };
  "Maintenance/MoveLeader": { request: { targetID: string }; response: Plain };
  "KV/Range": {
    request: {
      key: Uint8Array;
      range_end?: Uint8Array;
      limit?: string;
      revision?: string;
      count_only?: boolean;
    };
    response: Plain & { kvs: RawEntry[]; more: boolean; count: string };
  };
  "KV/Compact": { request: { revision: string; physical: boolean }; response: Plain };
  "KV/Txn": {
    request: {
      compare?: RawCompare[];
      success: (
        | { request_put: { key: Uint8Array; value: Uint8Array } }
        | { request_delete_range: { key: Uint8Array } }
      )[];
    };
    response: Plain & { succeeded: boolean };
  };
  "Auth/AuthEnable": { request: object; response: Plain };
  "Auth/AuthDisable": { request: object; response: Plain };
  "Auth/UserAdd": {
    request: { name: string; password: string; options: { no_password: boolean } };
    response: Plain;
  };
  "Auth/UserList": { request: object; response: Plain & { users: string[] } };
  "Auth/UserGet": { request: { name: string }; response: Plain & { roles: string[] } };
  "Auth/UserDelete": { request: { name: string }; response: Plain };
  "Auth/UserGrantRole": { request: { user: string; role: string }; response: Plain };
  "Auth/RoleAdd": { request: { name: string }; response: Plain };
  "Auth/RoleDelete": { request: { role: string }; response: Plain };
  "Auth/RoleGrantPermission": {
    request: {
      name: string;
      perm: { permType: "READ" | "WRITE" | "READWRITE"; key: Uint8Array; range_end: Uint8Array };
    };
    response: Plain;
  };
}

const HEADER = { header: [1, "ResponseHeader"] } as const satisfies Messages[string];

const MEMBERS: Messages = {
  Member: {
    ID: [1, "uint64"],
    name: [2, "string"],
    peerURLs: [3, "string", true],
    clientURLs: [4, "string", true],
    isLearner: [5, "bool"],
  },
  MemberListRequest: {},
  MemberListResponse: { ...HEADER, members: [2, "Member", true] },
  MemberAddRequest: { peerURLs: [1, "string", true], isLearner: [2, "bool"] },
  MemberAddResponse: { ...HEADER, member: [2, "Member"], members: [3, "Member", true] },
  MemberPromoteRequest: { ID: [1, "uint64"] },
  MemberPromoteResponse: { ...HEADER },
  MemberRemoveRequest: { ID: [1, "uint64"] },
  MemberRemoveResponse: { ...HEADER },
  MemberUpdateRequest: { ID: [1, "uint64"], peerURLs: [2, "string", true] },
  MemberUpdateResponse: { ...HEADER },
};

const MAINTENANCE: Messages = {
  StatusRequest: {},
  StatusResponse: {
    ...HEADER,
    version: [2, "string"],
    dbSize: [3, "int64"],
    leader: [4, "uint64"],
    raftIndex: [5, "uint64"],
    raftTerm: [6, "uint64"],
    errors: [8, "string", true],
    dbSizeInUse: [9, "int64"],
    isLearner: [10, "bool"],
  },
  AlarmMember: { memberID: [1, "uint64"], alarm: [2, "AlarmType"] },
  AlarmRequest: { action: [1, "AlarmAction"], memberID: [2, "uint64"], alarm: [3, "AlarmType"] },
  AlarmResponse: { ...HEADER, alarms: [2, "AlarmMember", true] },
  DefragmentRequest: {},
  DefragmentResponse: { ...HEADER },
  MoveLeaderRequest: { targetID: [1, "uint64"] },
  MoveLeaderResponse: { ...HEADER },
};

const ENTRIES: Messages = {
  KeyValue: {
    key: [1, "bytes"],
    mod_revision: [3, "int64"],
    value: [5, "bytes"],
    lease: [6, "int64"],
  },
  RangeRequest: {
    key: [1, "bytes"],
    range_end: [2, "bytes"],
    limit: [3, "int64"],
    revision: [4, "int64"],
    count_only: [9, "bool"],
  },
  RangeResponse: {
    ...HEADER,
    kvs: [2, "KeyValue", true],
    more: [3, "bool"],
    count: [4, "int64"],
  },
  CompactRequest: { revision: [1, "int64"], physical: [2, "bool"] },
  CompactResponse: { ...HEADER },
  PutRequest: { key: [1, "bytes"], value: [2, "bytes"] },
  DeleteRangeRequest: { key: [1, "bytes"] },
  RequestOp: { request_put: [2, "PutRequest"], request_delete_range: [3, "DeleteRangeRequest"] },
  Compare: {
    result: [1, "CompareResult"],
    target: [2, "CompareTarget"],
    key: [3, "bytes"],
    mod_revision: [6, "int64"],
    range_end: [64, "bytes"],
  },
  TxnRequest: { compare: [1, "Compare", true], success: [2, "RequestOp", true] },
  TxnResponse: { ...HEADER, succeeded: [2, "bool"] },
};

const AUTH: Messages = {
  Permission: { permType: [1, "PermissionType"], key: [2, "bytes"], range_end: [3, "bytes"] },
  UserAddOptions: { no_password: [1, "bool"] },
  AuthEnableRequest: {},
  AuthEnableResponse: { ...HEADER },
  AuthDisableRequest: {},
  AuthDisableResponse: { ...HEADER },
  UserAddRequest: { name: [1, "string"], password: [2, "string"], options: [3, "UserAddOptions"] },
  UserAddResponse: { ...HEADER },
  UserListRequest: {},
  UserListResponse: { ...HEADER, users: [2, "string", true] },
  UserGetRequest: { name: [1, "string"] },
  UserGetResponse: { ...HEADER, roles: [2, "string", true] },
  UserDeleteRequest: { name: [1, "string"] },
  UserDeleteResponse: { ...HEADER },
  UserGrantRoleRequest: { user: [1, "string"], role: [2, "string"] },
  UserGrantRoleResponse: { ...HEADER },
  RoleAddRequest: { name: [1, "string"] },
  RoleAddResponse: { ...HEADER },
  RoleDeleteRequest: { role: [1, "string"] },
  RoleDeleteResponse: { ...HEADER },
  RoleGrantPermissionRequest: { name: [1, "string"], perm: [2, "Permission"] },
  RoleGrantPermissionResponse: { ...HEADER },
};

/** The types of these messages. Those of `auth/authpb` have no other name on the wire. */
export const adminProtocol = protocol(
  {
    ResponseHeader: { cluster_id: [1, "uint64"], member_id: [2, "uint64"], revision: [3, "int64"] },
    ...MEMBERS,
    ...MAINTENANCE,
    ...ENTRIES,
    ...AUTH,
  },
  {
    AlarmAction: { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 },
    AlarmType: { NONE: 0, NOSPACE: 1, CORRUPT: 2 },
    CompareResult: { EQUAL: 0, LESS: 2 },
    CompareTarget: { MOD: 2 },
    PermissionType: { READ: 0, WRITE: 1, READWRITE: 2 },
  },
);

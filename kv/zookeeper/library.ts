/**
 * What netsvc uses of node-zookeeper-client, which has no types of its own: its codec, its queue of
 * requests and its watchers. Sockets and reconnecting are `connection.ts`'s, for in the library (1.1.3)
 * a packet cut in half spoils the next connection, it waits without end
 * for a server that accepts and says nothing, it speaks neither TLS nor IPv6, and a check of version 0
 * passes for any version.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import library from "node-zookeeper-client";
import codec from "node-zookeeper-client/lib/jute/index.js";

/** What ZooKeeper knows of a node. 64-bit numbers are eight bytes, the highest first. */
export interface Stat {
  mzxid: Buffer;
  /** Of the last creation or deletion of a child. */
  pzxid: Buffer;
  version: number;
  cversion: number;
}

/** An error that the server answered. */
export interface Exception extends Error {
  getCode(): number;
}

type Callback<A extends unknown[]> = (error: Exception | null, ...answer: A) => void;
type Watcher = () => void;

/** The requests that wait for answers on one connection. */
export interface Manager {
  socket: Socket;
  sessionTimeout: number;
  connect(): void;
  setState(state: number): void;
  onSocketConnected(): void;
  onSocketData(data: Buffer): void;
  onSocketDrain(): void;
  onSocketClosed(hadError: boolean): void;
  queue(request: unknown, callback: Callback<[MultiResponse]>): void;
}

/** Answer to a transaction. */
export interface MultiResponse {
  header: { zxid: Buffer };
  payload: { results: { type: number; err?: number; path?: string }[] };
}

/** A client of the library. */
export interface Client {
  connectionManager: Manager;
  on(event: "connected" | "expired" | "authenticationFailed", listener: () => void): void;
  close(): void;
  addAuthInfo(scheme: string, auth: Buffer): void;
  getSessionId(): Buffer;
  getSessionPassword(): Buffer;
  getData(
    path: string,
    watcher: Watcher | undefined,
    callback: Callback<[Buffer | undefined, Stat]>,
  ): void;
  exists(path: string, watcher: Watcher | undefined, callback: Callback<[Stat | null]>): void;
  getChildren(
    path: string,
    watcher: Watcher | undefined,
    callback: Callback<[string[], Stat]>,
  ): void;
}

interface Options {
  sessionTimeout: number;
  sessionId?: Buffer;
  sessionPassword?: Buffer;
}

interface Library {
  createClient(servers: string, options: Options): Client;
  ACL: { OPEN_ACL_UNSAFE: unknown[]; CREATOR_ALL_ACL: unknown[] };
}

interface Codec {
  OP_CODES: { CREATE: number; DELETE: number; SET_DATA: number; CHECK: number; MULTI: number };
  Request: new (header: unknown, payload: unknown) => unknown;
  TransactionRequest: new (operations: unknown[]) => { byteLength(): number };
  protocol: { RequestHeader: new (xid: number, type: number) => unknown };
}

const { createClient, ACL } = library as Library;
const { OP_CODES, Request, TransactionRequest, protocol } = codec as Codec;

export { ACL, createClient, OP_CODES, protocol, Request, TransactionRequest };

/** States of a {@linkcode Manager} that are set from here. */
export const CONNECTING = 1;

/** Codes of {@linkcode Exception} and of transactions' results. */
export const CODES = {
  ok: 0,
  /** An operation of a transaction that was not the one to fail. */
  runtimeInconsistency: -2,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  authFailed: -115,
} as const;

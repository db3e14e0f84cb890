/**
 * What `wg show DEVICE dump` prints (wg(8)). Pure.
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";

/** A peer as the device has it. */
export interface ObservedPeer {
  /** Its public key. */
  key: string;
  /** ADDRESS:PORT, an IPv6 address in brackets; absent while none is known. */
  endpoint?: string;
  /** CIDRs. */
  allowed: string[];
  /** Of the last handshake, in seconds since the epoch; 0 before the first. */
  handshake: number;
  /** Bytes. */
  received: number;
  sent: number;
  /** Seconds between keepalives; 0 without. */
  keepalive: number;
}

/** A device. */
export interface ObservedDevice {
  /** Its public key; absent while it has none. */
  key?: string;
  /** UDP port. */
  port: number;
  peers: Map<string, ObservedPeer>;
}

const none = (text: string | undefined) =>
  text === undefined || text === "(none)" ? undefined : text;

/** Reads it. @throws {NetsvcError} `kernel` when it is something else */
export function readDump(text: string): ObservedDevice {
  const [head = "", ...lines] = text.trimEnd().split("\n");
  // The first word is the private key, which goes nowhere from here.
  const [, key, port, mark] = head.split("\t");
  if (mark === undefined) {
    throw new NetsvcError("kernel", "wg printed something else than expected");
  }
  const peers = lines.map((line): [string, ObservedPeer] => {
    const [key = "", , endpoint, allowed, handshake, received, sent, keepalive] = line.split("\t");
    const known = none(endpoint);
    return [key, {
      key,
      ...known !== undefined && { endpoint: known },
      allowed: none(allowed)?.split(",") ?? [],
      handshake: Number(handshake),
      received: Number(received),
      sent: Number(sent),
      keepalive: Number(keepalive) || 0,
    }];
  });
  const own = none(key);
  return { ...own !== undefined && { key: own }, port: Number(port), peers: new Map(peers) };
}

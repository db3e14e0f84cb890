/**
 * Packets that find out whether a tunnel would carry what it is given: VXLAN (RFC 7348) like those of
 * any overlay, but of VNI 0, which no network has. Pure.
 *
 * @module
 */
import { internetChecksum } from "../../../lib/linux/sockets/checksum.ts";

/** VNI of probes; networks have 1 and up. */
export const PROBE_VNI = 0;
/** MAC of the receiving end inside the tunnel. */
export const PROBE_MAC = "0a:6e:73:76:63:00";
/** Address of the receiving end inside the tunnel (TEST-NET-1, RFC 5737). */
export const PROBE_ADDRESS = "192.0.2.1";
/** UDP port of the receiving end inside the tunnel. */
export const PROBE_PORT = 4790;
/** Hex digits of a token. */
const TOKEN_BYTES = 8;
/** Outer IP header by family, in bytes. */
const OUTER_IP = { 4: 20, 6: 40 };
/** UDP header, in bytes. */
const UDP = 8;
/** VXLAN header (RFC 7348), in bytes. */
const VXLAN = 8;
/** Inner Ethernet header, in bytes. */
const ETHERNET = 14;
/** Inner IPv4 header, in bytes. */
const INNER_IP = 20;
const HEADERS = VXLAN + ETHERNET + INNER_IP + UDP;

/** Smallest probe, in bytes; fits whatever carries IP. */
export const SMALLEST = 128;
/** Sizes at which paths usually end, in bytes. */
const USUAL = [
  ...[576, 1280, 1300, 1320, 1340, 1360, 1380, 1400, 1420, 1440, 1450, 1460, 1480, 1492, 1500],
  ...[2000, 3000, 4000, 6000, 8000, 8500, 8900, 8950, 9000],
];

/** Sizes of the packets to send, in bytes with the outer IP header, the full size last. */
export function probeSizes(full: number): number[] {
  return [SMALLEST, ...USUAL.filter((size) => size < full), full];
}

/** What a probe says. */
export interface Probe {
  /** 16 hex digits: which question it belongs to. */
  token: string;
  /** Of the whole packet with its outer IP header, in bytes. */
  size: number;
}

/** The UDP payload of a probe that is sent over IPv4 or IPv6. */
export function encodeProbe({ token, size }: Probe, family: 4 | 6): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size - OUTER_IP[family] - UDP);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x08; // There is a VNI.
  view.setUint32(4, PROBE_VNI << 8);
  const mac = PROBE_MAC.split(":").map((digits) => parseInt(digits, 16));
  bytes.set(mac, VXLAN);
  bytes.set([...mac.slice(0, 5), 1], VXLAN + 6);
  view.setUint16(VXLAN + 12, 0x0800);
  const ip = VXLAN + ETHERNET;
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, bytes.length - ip);
  view.setUint8(ip + 8, 64);
  view.setUint8(ip + 9, 17);
  const address = PROBE_ADDRESS.split(".").map(Number);
  bytes.set([...address.slice(0, 3), 2], ip + 12);
  bytes.set(address, ip + 16);
  view.setUint16(ip + 10, internetChecksum(bytes.subarray(ip, ip + INNER_IP)));
  const udp = ip + INNER_IP;
  view.setUint16(udp, PROBE_PORT);
  view.setUint16(udp + 2, PROBE_PORT);
  view.setUint16(udp + 4, bytes.length - udp);
  bytes.set(Uint8Array.fromHex(token), HEADERS);
  view.setUint16(HEADERS + TOKEN_BYTES, size);
  return bytes;
}

/** What arrived at the receiving end, from the inner packet's payload. */
export function decodeProbe(payload: Uint8Array): Probe | undefined {
  if (payload.length < TOKEN_BYTES + 2) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return { token: payload.slice(0, TOKEN_BYTES).toHex(), size: view.getUint16(TOKEN_BYTES) };
}

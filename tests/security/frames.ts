/**
 * Frames as an attacker writes them, and who sees what: for tests.
 *
 * @module
 */
import { internetChecksum } from "../../lib/linux/sockets/checksum.ts";
import { addressBytes } from "../../lib/ip/text.ts";
import { ok, spawn } from "../harness/command.ts";

const bytes = (mac: string) => mac.split(":").map((digits) => parseInt(digits, 16));
const short = (n: number) => [n >> 8 & 0xff, n & 0xff];
export const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** An Ethernet frame. */
export function ethernet(to: string, from: string, type: number, payload: number[]): number[] {
  return [...bytes(to), ...bytes(from), ...short(type), ...payload];
}

/** A UDP packet of either family, with its Ethernet type before it. */
export function udp(
  [from, to]: [string, string],
  [sport, dport]: [number, number],
  text: string,
): { type: number; packet: number[] } {
  const data = [...new TextEncoder().encode(text)];
  const [source, target] = [from, to].map((a) => [...addressBytes(a)]) as [number[], number[]];
  const length = 8 + data.length;
  const body = [...short(sport), ...short(dport), ...short(length), 0, 0, ...data];
  if (from.includes(":")) {
    const pseudo = [...source, ...target, 0, 0, ...short(length), 0, 0, 0, 17];
    body.splice(6, 2, ...short(internetChecksum(Uint8Array.from([...pseudo, ...body]))));
    const header = [0x60, 0, 0, 0, ...short(length), 17, 64, ...source, ...target];
    return { type: 0x86dd, packet: [...header, ...body] };
  }
  const header = [0x45, 0, ...short(20 + length), 0, 1, 0, 0, 64, 17, 0, 0, ...source, ...target];
  const sum = internetChecksum(Uint8Array.from(header));
  header.splice(10, 2, ...short(sum));
  return { type: 0x0800, packet: [...header, ...body] };
}

/** An ARP packet (RFC 826). @param operation 1: request, 2: reply */
export function arp(operation: number, mac: string, from: string, to: string): number[] {
  const fixed = [0, 1, 8, 0, 6, 4, ...short(operation)];
  return [...fixed, ...bytes(mac), ...addressBytes(from), ...bytes(BROADCAST), ...addressBytes(to)];
}

/** An ICMPv6 message in its packet. */
export function icmp6(from: string, to: string, message: number[]): number[] {
  const [source, target] = [from, to].map((a) => [...addressBytes(a)]) as [number[], number[]];
  const pseudo = [...source, ...target, 0, 0, ...short(message.length), 0, 0, 0, 58];
  const body = [...message];
  body.splice(2, 2, ...short(internetChecksum(Uint8Array.from([...pseudo, ...message]))));
  return [0x60, 0, 0, 0, ...short(body.length), 58, 255, ...source, ...target, ...body];
}

/** A neighbour advertisement that overrides (RFC 4861, 4.4). */
export function advertisement(address: string, mac: string): number[] {
  return [136, 0, 0, 0, 0x20, 0, 0, 0, ...addressBytes(address), 2, 1, ...bytes(mac)];
}

/** A router advertisement with a prefix, for half an hour (RFC 4861, 4.2, 4.6.2). */
export function routerAdvertisement(prefix: string): number[] {
  const lifetime = [0, 0, 7, 8];
  const information = [3, 4, 64, 0xc0, ...lifetime, ...lifetime, 0, 0, 0, 0];
  return [
    134,
    0,
    0,
    0,
    64,
    0,
    7,
    8,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    ...information,
    ...addressBytes(prefix),
  ];
}

const SEND = `import socket,sys
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)
s.bind((sys.argv[1],0))
for h in sys.argv[2:]: s.send(bytes.fromhex(h))`;

/** Sends frames out by a link of a namespace, as root in it would. */
export async function send(namespace: string, link: string, ...frames: number[][]): Promise<void> {
  const hex = frames.map((frame) => Uint8Array.from(frame).toHex());
  await ok(["python3", "-c", SEND, link, ...hex], { namespace });
}

const WATCH = `import socket,sys
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3))
s.bind((sys.argv[1],3)); s.settimeout(20)
print("ready",flush=True)
while True:
  f,a=s.recvfrom(65535)
  if a[2]==4: continue
  print(f.hex(),flush=True)
  if b"the last one" in f: break`;

/**
 * What comes in by a link of a namespace while `action` runs: it has to send "the last one", which comes
 * after all that it sent before.
 */
export async function seen(
  namespace: string,
  link: string,
  action: () => Promise<void>,
): Promise<string[]> {
  const child = spawn(["python3", "-c", WATCH, link], {
    ...{ namespace, stdin: "null", stdout: "piped", stderr: "null" },
  });
  const frames: string[] = [];
  let rest = "";
  let acted: Promise<void> | undefined;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "ready") acted = action();
      else frames.push(line);
    }
  }
  const { success } = await child.status;
  await acted;
  if (!success) throw new Error(`The last one never came to ${link} of ${namespace}`);
  return frames.slice(0, -1);
}

/**
 * The host's own addresses and routes, parsed from `/proc/net`, all routing tables included. Default routes don't
 * count as occupied, also in their split form that VPNs use. Pure.
 *
 * @module
 */
import { type Cidr, type Family, makeCidr, parseIp } from "../../lib/ip/cidr.ts";

/** Longest prefix of a default route: `0.0.0.0/0`, and `0.0.0.0/1` with `128.0.0.0/1`. */
const LONGEST_DEFAULT = 1;

/** Blocks of `/proc/net/fib_trie`: leaves `|-- ADDRESS`, below each `/PREFIX scope TYPE` lines. */
export function parseFibTrie(text: string): Cidr[] {
  const blocks = new Map<string, Cidr>();
  let address: string | undefined;
  for (const line of text.split("\n")) {
    // Looked at before it is matched: most lines are the trie's inner nodes.
    if (line.includes("|--")) {
      address = line.match(/\|--\s+([0-9.]+)/)?.[1];
      continue;
    }
    if (address === undefined || !(line.includes("UNICAST") || line.includes("LOCAL"))) continue;
    const prefix = Number(line.match(/^\s*\/(\d+)\s+\S+\s+(UNICAST|LOCAL)/)?.[1] ?? NaN);
    if (!(prefix > LONGEST_DEFAULT) || address.startsWith("127.")) continue;
    const text = `${address}/${prefix}`;
    if (!blocks.has(text)) blocks.set(text, makeCidr(parseIp(address), prefix));
  }
  return [...blocks.values()];
}

/** Blocks of `/proc/net/ipv6_route`: destination (32 hex digits) and prefix (hex), then the rest. */
export function parseIpv6Routes(text: string): Cidr[] {
  const family: Family = 6;
  const blocks = new Map<string, Cidr>();
  for (const line of text.split("\n")) {
    const [, destination, prefix] = line.match(/^([0-9a-f]{32}) ([0-9a-f]{2}) /) ?? [];
    if (destination === undefined) continue;
    const block = makeCidr({ family, value: BigInt(`0x${destination}`) }, parseInt(prefix!, 16));
    const own = block.value === 1n || destination.startsWith("ff") || /^fe[89ab]/.test(destination);
    if (block.prefix <= LONGEST_DEFAULT || own) continue;
    blocks.set(`${destination}/${prefix}`, block);
  }
  return [...blocks.values()];
}

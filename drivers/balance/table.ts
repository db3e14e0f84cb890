/**
 * The table that leads connections to a service's address to one of its backends: in the client's own sandbox, so that
 * the address is nobody's on the wire, and the backend sees the client's. Pure.
 *
 * A connection goes by two look-ups: its address and port to a chain for the number of slots that the service has, and
 * with a random slot of these to the backend. So rules are constant, and a backend that comes or goes is a change of
 * elements.
 *
 * @module
 */
import type { TableSpec } from "../nft/table.ts";

/** Services with as many slots at most are balanced exactly by their weights. */
export const EXACT_SLOTS = 32;
/** Slots of all others. */
export const MANY_SLOTS = 256;

const NAME = "inet netsvc_services";
/** What a connection is known by. */
const DESTINATION = "daddr . meta l4proto . th dport";

const OURS = ["ip daddr @addresses4 goto balance", "ip6 daddr @addresses6 goto balance"];
const OTHERS = ["ip daddr @addresses4 goto refuse", "ip6 daddr @addresses6 goto refuse"];

/** Name of the chain for a number of slots. */
export function slotsChain(slots: number): string {
  return `slots${slots}`;
}

function slotsChains(): TableSpec["chains"] {
  const numbers = [...Array.from({ length: EXACT_SLOTS }, (_, n) => n + 1), MANY_SLOTS];
  return Object.fromEntries(numbers.map((slots) => [slotsChain(slots), {
    hook: "",
    rules: [
      `dnat ip to ip ${DESTINATION} . numgen random mod ${slots} map @slots4`,
      `dnat ip6 to ip6 ${DESTINATION} . numgen random mod ${slots} map @slots6`,
    ],
  }]));
}

const COMMON: Pick<TableSpec, "name" | "sets" | "maps" | "quoted"> = {
  name: NAME,
  sets: {
    /** Addresses of services: whatever isn't led to a backend is refused. */
    addresses4: "type ipv4_addr;",
    addresses6: "type ipv6_addr;",
  },
  maps: {
    ports4: "type ipv4_addr . inet_proto . inet_service : verdict;",
    ports6: "type ipv6_addr . inet_proto . inet_service : verdict;",
    slots4:
      "typeof ip daddr . meta l4proto . th dport . numgen random mod 256 : ip daddr . th dport;",
    slots6:
      "typeof ip6 daddr . meta l4proto . th dport . numgen random mod 256 : ip6 daddr . th dport;",
  },
  quoted: [],
};

const SHARED_CHAINS: TableSpec["chains"] = {
  output: { hook: "type nat hook output priority -100; policy accept;", rules: OURS },
  // An untranslated packet is one to a port that isn't the service's, or there is no backend.
  refused: { hook: "type filter hook output priority filter; policy accept;", rules: OTHERS },
  refuse: { hook: "", rules: ["meta l4proto tcp reject with tcp reset", "reject"] },
  balance: {
    hook: "",
    rules: [
      `ip ${DESTINATION} vmap @ports4`,
      `ip6 ${DESTINATION} vmap @ports6`,
      // The client itself answers a ping: what it learns is that the service is published.
      "icmp type echo-request redirect",
      "icmpv6 type echo-request redirect",
    ],
  },
  ...slotsChains(),
};

/** The table of a sandbox, which may forward for others. */
export const SANDBOX_TABLE: TableSpec = {
  ...COMMON,
  chains: {
    prerouting: { hook: "type nat hook prerouting priority dstnat; policy accept;", rules: OURS },
    forwarded: { hook: "type filter hook forward priority filter; policy accept;", rules: OTHERS },
    ...SHARED_CHAINS,
  },
};

/** The table of the host, for its own connections: what it forwards is others'. */
export const HOST_TABLE: TableSpec = { ...COMMON, chains: SHARED_CHAINS };

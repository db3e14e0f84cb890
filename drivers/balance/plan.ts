/**
 * From a service to the elements that balance connections to it. Pure.
 *
 * @module
 */
import { canonicalAddress } from "../../lib/ip/text.ts";
import { type Elements, merged } from "../nft/table.ts";
import { EXACT_SLOTS, MANY_SLOTS, slotsChain } from "./table.ts";

/** A port of a service. */
export interface BalancedPort {
  protocol: "tcp" | "udp";
  port: number;
  /** The backends' port. */
  target: number;
}

/** A backend that is given new connections. */
export interface BalancedBackend {
  /** Without prefix length. */
  addresses: string[];
  /** A whole number from 1. */
  weight: number;
}

/** A service with an address of its own. */
export interface BalancedService {
  /** Without prefix length. */
  addresses: string[];
  ports: BalancedPort[];
  backends: BalancedBackend[];
}

/**
 * How many slots each weight gets: exactly by weight where that takes few, else of a fixed number by the largest
 * remainders, and one at least.
 */
export function slotsByWeight(weights: readonly number[]): number[] {
  const divisor = weights.reduce(greatestCommon, 0);
  const exact = weights.map((weight) => weight / divisor);
  const sum = exact.reduce((a, b) => a + b, 0);
  if (sum <= EXACT_SLOTS) return exact;
  // Of those with less than a slot each has one; there are no more of them than slots.
  const shares = exact.map((weight) => weight * MANY_SLOTS / sum);
  const slots = shares.map((share) => Math.max(1, Math.floor(share)));
  const byRemainder = shares.map((share, n) => ({ n, rest: share - slots[n]! }))
    .sort((a, b) => b.rest - a.rest || a.n - b.n);
  let left = MANY_SLOTS - slots.reduce((a, b) => a + b, 0);
  for (let i = 0; left > 0; i = (i + 1) % byRemainder.length, left--) slots[byRemainder[i]!.n]!++;
  for (; left < 0; left++) slots[slots.indexOf(Math.max(...slots))]!--;
  return slots;
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b);
}

/** The elements of one service: its addresses, its ports, and the backends in their slots. */
export function balanceElements(
  { addresses, ports, backends }: BalancedService,
): Partial<Elements> {
  return merged(addresses.map((text) => {
    const address = canonicalAddress(text);
    const family = familyOf(address);
    const own = backends.flatMap(({ addresses, weight }) =>
      addresses.map(canonicalAddress).filter((other) => familyOf(other) === family).slice(0, 1)
        .map((address) => ({ address, weight }))
    );
    return ofFamily(family, { address, ports, backends: own });
  }));
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function ofFamily(
  family: 4 | 6,
  { address, ports, backends }: {
    address: string;
    ports: BalancedPort[];
    backends: { address: string; weight: number }[];
  },
): Elements {
  const known = { [`addresses${family}`]: new Set([address]) };
  if (backends.length === 0) return known;
  const slots = slotsByWeight(backends.map(({ weight }) => weight));
  const places = backends.flatMap(({ address }, n) => Array<string>(slots[n]!).fill(address));
  const at = ({ protocol, port }: BalancedPort) => `${address} . ${protocol} . ${port}`;
  return {
    ...known,
    [`ports${family}`]: new Set(
      ports.map((port) => `${at(port)} : goto ${slotsChain(places.length)}`),
    ),
    [`slots${family}`]: new Set(
      ports.flatMap((port) =>
        places.map((place, slot) => `${at(port)} . ${slot} : ${place} . ${port.target}`)
      ),
    ),
  };
}

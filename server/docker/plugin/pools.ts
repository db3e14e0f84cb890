/**
 * Docker asks for pools before it says for which network. What is answered and what it means is
 * decided here. Pure.
 *
 * Docker keeps a pool of local scope that overlaps a route of its host and asks for another one, again
 * and again. Only `0.0.0.0/0` is exempt, its own sign for "none" (libnetwork, `types.IsIPNetValid`).
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Network } from "../../../lib/api/types.ts";
import type { PoolRecord } from "../../model/repository/docker.ts";

/** The option of networks and pools that names netsvc's network. */
export const NETWORK_OPTION = "netsvc.network";
/** The address space that says that netsvc hands out the addresses. */
export const ADDRESS_SPACE = "netsvc";

/** Stand for: whatever the network has. */
const ANY = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** What Docker asks for, and what is known. */
export interface PoolQuestion {
  family: 4 | 6;
  /** CIDR that the user gave; empty: none. */
  wanted: string;
  /** CIDR of which the user wants the addresses to be. */
  range: string;
  /** netsvc's network, where Docker says it already. */
  network?: Pick<Network, "name" | "pools">;
  /** Docker has just been told this network's own subnet, and asks again. */
  again: boolean;
}

/** The subnet to answer. @throws {NetsvcError} `invalid` */
export function answerPool({ family, wanted, range, network, again }: PoolQuestion): string {
  if (range !== "") {
    throw new NetsvcError(
      "invalid",
      `Cannot hand out addresses of the range ${range} only: netsvc's network has a range of its ` +
        `own; leave --ip-range out`,
    );
  }
  const own = network?.pools.filter((pool) => pool.family === family)
    .map(({ subnet }) => subnet) ?? [];
  if (network && own.length === 0) {
    throw new NetsvcError(
      "invalid",
      `netsvc's network "${network.name}" has no IPv${family} addresses; leave --ipv6 out, or ` +
        `create it with some`,
    );
  }
  if (wanted !== "") {
    if (network) checkSubnets(network, [wanted]);
    return wanted;
  }
  return again ? ANY[family] : own[0] ?? ANY[family];
}

/** Refuses subnets that aren't the network's. @throws {NetsvcError} `invalid` */
export function checkSubnets(network: Pick<Network, "name" | "pools">, given: string[]): void {
  const own = network.pools.map(({ subnet }) => subnet);
  for (const subnet of given) {
    if (Object.values<string>(ANY).includes(subnet) || own.includes(subnet)) continue;
    throw new NetsvcError(
      "invalid",
      `The subnet ${subnet} isn't that of netsvc's network "${network.name}", ${own.join(", ")}; ` +
        `leave --subnet out`,
    );
  }
}

/**
 * A gateway that is nobody's: Docker wants one of each pool and hands it to the network that the pool
 * is for, which tells the two apart from all others. Nothing is routed there: such addresses are
 * reserved (RFC 1112, 4), or discarded (RFC 6666).
 */
export function nobodysGateway(family: 4 | 6, taken: PoolRecord[]): string {
  while (true) {
    const [a, b, c] = crypto.getRandomValues(new Uint8Array(3)) as unknown as number[];
    const gateway = family === 4
      ? `240.${a}.${b}.${c}/32`
      : `100::${((a! << 8) + b!).toString(16)}:${(c! + 1).toString(16)}/128`;
    if (!taken.some((pool) => pool.gateway === gateway)) return gateway;
  }
}

/** Whether a gateway is one of {@linkcode nobodysGateway}. */
export function isNobodys(gateway: string): boolean {
  return /^(240\.|100::)/.test(gateway);
}

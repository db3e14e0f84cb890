/**
 * Docker requests pools before it names their network. This module decides the answer to such a request and
 * its meaning. Pure.
 *
 * Docker rejects a pool of local scope that overlaps a route of its host and requests another one, without
 * end. Only `0.0.0.0/0` is exempt, Docker's own value for "none" (libnetwork, `types.IsIPNetValid`).
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Network } from "../../../lib/api/types.ts";
import type { PoolRecord } from "../../model/repository/docker.ts";

/** The option of networks and pools that names netsvc's network. */
export const NETWORK_OPTION = "netsvc.network";
/** The address space whose addresses netsvc assigns. */
export const ADDRESS_SPACE = "netsvc";

/** Answers that mean: the network's own subnet. */
const ANY = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** Docker's request for a pool, and what netsvc knows about it. */
export interface PoolQuestion {
  family: 4 | 6;
  /** CIDR that the user set; empty: none. */
  wanted: string;
  /** CIDR that the user restricts addresses to. */
  range: string;
  /** netsvc's network, if Docker already names it. */
  network?: Pick<Network, "name" | "pools">;
  /** Whether Docker has just received this network's own subnet, and requests another one. */
  again: boolean;
}

/** The subnet to answer with. @throws {NetsvcError} `invalid` */
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
 * A gateway address that no host has: Docker requires one for each pool and passes it to the pool's network,
 * which identifies both by it. No packet is routed there: such addresses are reserved (RFC 1112, 4), or
 * discarded (RFC 6666).
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

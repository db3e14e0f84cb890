/**
 * The one interface to who hands out addresses, where it isn't netsvc itself.
 *
 * @module
 */
import type { Scope } from "../lib/api/types.ts";

/** A pool to be. */
export interface PoolRequest {
  family: 4 | 6;
  /** Of the network: each has address spaces of its own. */
  scope: Scope;
  /** CIDR; the IPAM picks one unless given. */
  subnet?: string;
  /** CIDR inside `subnet`, from which addresses are picked. */
  range?: string;
  /** User's `--ipam-opt KEY=VALUE`. */
  options?: Record<string, string>;
}

/** A pool. Its `poolId` has to be kept: addresses are asked for and given back under it. */
export interface AllocatedPool {
  poolId: string;
  /** CIDR in canonical text, host bits zero. */
  subnet: string;
  /** Address without prefix length, where the IPAM says one by itself; else ask for one. */
  gateway?: string;
}

/** An address to be. */
export interface AddressRequest {
  /** Without prefix length; the IPAM picks one unless given. */
  address?: string;
  /** Lower case, colons; needed where {@linkcode IpamCapabilities.requiresMac}. */
  mac?: string;
  /** It is for the network's gateway. */
  gateway?: boolean;
}

/** What an IPAM needs. */
export interface IpamCapabilities {
  /** Wants to know for which MAC an address is. */
  requiresMac: boolean;
  /** Forgets: wants every pool and address asked for again when it, or the daemon, was restarted. */
  requiresReplay: boolean;
}

/** Hands out pools and addresses. Giving back what was given back already is harmless. */
export interface Ipam {
  readonly name: string;
  /** @throws {NetsvcError} `not_found`, `unsupported`, `unavailable`, `timeout` */
  capabilities(): Promise<IpamCapabilities>;
  /**
   * A pool; nothing is left of it when this fails.
   *
   * @throws {NetsvcError} `kernel` in the IPAM's words, `unsupported`, `unavailable`, `timeout`
   */
  requestPool(request: PoolRequest): Promise<AllocatedPool>;
  releasePool(poolId: string): Promise<void>;
  /**
   * An address of a pool as CIDR; its prefix is the subnet's, or longer.
   *
   * @throws {NetsvcError} `kernel` in the IPAM's words, `unsupported`, `unavailable`, `timeout`
   */
  requestAddress(pool: AllocatedPool, request?: AddressRequest): Promise<string>;
  /** @param address with or without prefix length */
  releaseAddress(poolId: string, address: string): Promise<void>;
}

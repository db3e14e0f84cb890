/**
 * The one interface to IPAMs, which assign addresses where netsvc doesn't do so itself.
 *
 * @module
 */
import type { Scope } from "../lib/api/types.ts";

/** A pool to request. */
export interface PoolRequest {
  family: 4 | 6;
  /** Scope of the network: each scope has address spaces of its own. */
  scope: Scope;
  /** CIDR; the IPAM picks one by default. */
  subnet?: string;
  /** CIDR inside `subnet`, from which addresses are picked. */
  range?: string;
  /** The user's `--ipam-opt KEY=VALUE`. */
  options?: Record<string, string>;
}

/** An allocated pool. Keep its `poolId`: addresses are requested and released under it. */
export interface AllocatedPool {
  poolId: string;
  /** CIDR in canonical text, host bits zero. */
  subnet: string;
  /** Address without prefix length, where the IPAM names one itself; otherwise request one. */
  gateway?: string;
}

/** An address to request. */
export interface AddressRequest {
  /** Without prefix length; the IPAM picks one by default. */
  address?: string;
  /** Lower case, colons; needed where {@linkcode IpamCapabilities.requiresMac}. */
  mac?: string;
  /** Whether the address is for the network's gateway. */
  gateway?: boolean;
}

/** The requirements of an IPAM. */
export interface IpamCapabilities {
  /** Whether it needs to know the MAC that an address is for. */
  requiresMac: boolean;
  /** Whether it forgets: it needs every pool and address requested again after it, or the daemon, was restarted. */
  requiresReplay: boolean;
}

/** Assigns pools and addresses. Releasing what was released already is harmless. */
export interface Ipam {
  readonly name: string;
  /** @throws {NetsvcError} `not_found`, `unsupported`, `unavailable`, `timeout` */
  capabilities(): Promise<IpamCapabilities>;
  /**
   * Requests a pool; after a failure none is left allocated.
   *
   * @throws {NetsvcError} `kernel` in the IPAM's words, `unsupported`, `unavailable`, `timeout`
   */
  requestPool(request: PoolRequest): Promise<AllocatedPool>;
  releasePool(poolId: string): Promise<void>;
  /**
   * Requests an address of a pool, as CIDR; its prefix is the subnet's, or longer.
   *
   * @throws {NetsvcError} `kernel` in the IPAM's words, `unsupported`, `unavailable`, `timeout`
   */
  requestAddress(pool: AllocatedPool, request?: AddressRequest): Promise<string>;
  /** @param address with or without prefix length */
  releaseAddress(poolId: string, address: string): Promise<void>;
}

/**
 * Which addresses other hosts may have for their tunnels. They come from the store, and so from every program that
 * writes into it. An address of this host or of one of its containers would send the packets of an overlay to the
 * wrong machine, and make the packet filter treat a container as a host.
 *
 * @module
 */
import {
  cidrContains,
  type Ip,
  isHostIp,
  lastIp,
  parseCidr,
  parseCidrAddress,
  tryParseIp,
} from "../../lib/ip/cidr.ts";
import { hostRecords, memberRecords } from "../model/repository/hosts.ts";
import type { State } from "../model/state.ts";

/** What is known of this host. */
export interface OwnAddresses {
  /** All addresses of this host's links, as CIDRs. */
  readonly addresses: readonly string[];
  /** The address that its own tunnels leave from. */
  readonly current: { address: string } | undefined;
}

/** An address of the store's that is ignored. */
export interface RefusedAddress {
  /** The host that claims it. */
  host: string;
  address: string;
  fault: string;
}

const LINK_LOCAL = parseCidr("fe80::/10");

/** Tells which addresses can be those of other hosts. */
export class Vteps {
  readonly #state: Pick<State, "networks" | "services" | "shared" | "hostId">;
  readonly #own: OwnAddresses;

  constructor(
    state: Pick<State, "networks" | "services" | "shared" | "hostId">,
    own: OwnAddresses,
  ) {
    this.#state = state;
    this.#own = own;
  }

  /** Why an address can't be another host's, in a few words; `undefined` when it can. */
  faultOf(address: string): string | undefined {
    const ip = tryParseIp(address);
    if (!ip || !isHostIp(ip)) return "no host has such an address";
    return this.#faultOfOwn(ip) ?? this.#faultOfLocal(ip) ?? this.#faultOfContainers(ip);
  }

  #faultOfOwn(ip: Ip): string | undefined {
    for (const text of this.#own.addresses) {
      const { cidr, address } = parseCidrAddress(text);
      if (cidr.family !== ip.family) continue;
      if (address.value === ip.value) return "it is one of this host's own";
      const ends = cidr.family === 4 && cidr.prefix < 31 ? [cidr.value, lastIp(cidr).value] : [];
      if (ends.includes(ip.value)) return "it is the broadcast address of a link of this host";
    }
    return undefined;
  }

  /** A link-local address is valid on one link only: that of the tunnels, where they are told to use it. */
  #faultOfLocal(ip: Ip): string | undefined {
    if (!cidrContains(LINK_LOCAL, ip)) return undefined;
    const own = tryParseIp(this.#own.current?.address ?? "");
    return own && cidrContains(LINK_LOCAL, own) ? undefined : "it is a link-local address";
  }

  /** Checks networks of this host alone: an overlay may have any subnet and never routes its own tunnels. */
  #faultOfContainers(ip: Ip): string | undefined {
    for (const { record: { scope, name, pools } } of this.#state.networks.values()) {
      if (scope !== "local") continue;
      if (pools.some(({ subnet }) => cidrContains(parseCidr(subnet), ip))) {
        return `it belongs to the containers of network "${name}"`;
      }
    }
    return undefined;
  }

  /** Addresses that the store gives to other hosts and that can't be theirs. */
  refused(): RefusedAddress[] {
    return this.all().flatMap(({ host, address }) => {
      const fault = this.faultOf(address);
      return fault === undefined ? [] : [{ host, address, fault }];
    });
  }

  /** Addresses that the store gives to other hosts, silent ones included. */
  all(): { host: string; address: string }[] {
    const { shared, services, hostId } = this.#state;
    const found = new Map<string, { host: string; address: string }>();
    const add = (host: string, address: string | undefined) => {
      if (address !== undefined) found.set(address, { host, address });
    };
    for (const { id, name, address } of hostRecords.of(shared)) {
      if (id !== hostId) add(name, address);
    }
    for (const { host, name, address } of memberRecords.of(shared)) {
      if (host !== hostId) add(name, address);
    }
    for (const { record: { backend } } of services.values()) {
      if (backend && backend.hostId !== hostId) add(backend.host, backend.address);
    }
    return [...found.values()];
  }
}

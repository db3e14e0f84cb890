/**
 * Which addresses a service gets.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { formatIp, parseIp } from "../../../lib/ip/cidr.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import { pickAddresses } from "../../ipam/endpoint_addresses.ts";
import { newId } from "../../model/identity.ts";
import type { NetworkRecord, RetiredRecord } from "../../model/records.ts";
import { retiredRecords } from "../../model/repository/retired.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import type { State } from "../../model/state.ts";
import { macOf } from "./mac.ts";

/** A freed address goes to no other service for this long, in milliseconds. */
const QUARANTINE_MS = 60_000;

/** The wanted addresses, and what speaks for others. */
export interface AddressesWanted {
  wanted: string[];
  /** What an earlier service with the name had. */
  retired: RetiredRecord | undefined;
  /** Keys of addresses that another host took first. */
  lost: ReadonlySet<string>;
}

/** Addresses of services, where netsvc gives them itself. */
export class ServiceAddresses {
  /** Callbacks that list addresses for returning containers: other services get them only when no other is free. */
  readonly reserved: ((network: string) => string[])[] = [];
  readonly #state: State;
  /** Where the search for a free address continues, per network and subnet. */
  readonly #cursors = new Map<string, string>();

  constructor(state: State) {
    this.#state = state;
  }

  /** As CIDRs, IPv4 first. @throws {NetsvcError} `exists`, `exhausted`, `invalid` */
  allocate(network: NetworkRecord, { wanted, retired, lost }: AddressesWanted): string[] {
    const quarantine = this.#quarantine(network);
    return pickAddresses({
      network,
      taken: (address) =>
        this.#state.hasAddress(network.id, address) ||
        serviceRecords.lostAddress(lost, network.id, address),
      conflicts: lost.size,
      quarantined: (address) => quarantine.get(address),
      wanted,
      previous: retired?.addresses ?? [],
      cursors: this.#cursors,
    });
  }

  /** Addresses freed a short while ago, with the time; those reserved for returning containers are last. */
  #quarantine(network: NetworkRecord): Map<string, number> {
    const quarantine = new Map<string, number>();
    for (const address of this.reserved.flatMap((reserved) => reserved(network.id))) {
      quarantine.set(formatIp(parseIp(address)), Infinity);
    }
    const since = Date.now() - QUARANTINE_MS;
    for (
      const { addresses, retired } of retiredRecords.of(this.#state.mirrorOf(network), network.id)
    ) {
      const time = Date.parse(retired);
      if (time <= since) continue;
      for (const address of addresses.map(bareAddress)) {
        if (!quarantine.has(address)) quarantine.set(address, time);
      }
    }
    return quarantine;
  }

  /**
   * The MAC address that is wanted, else the generated one. @throws {NetsvcError} `exists`
   */
  pickMac(network: NetworkRecord, wanted: string | undefined, generated: string): string {
    const taken = (mac: string) => this.#state.hasMac(network.id, mac);
    if (wanted === undefined) return taken(generated) ? macOf(newId()) : generated;
    if (!taken(wanted)) return wanted;
    throw new NetsvcError(
      "exists",
      `The MAC address ${wanted} is already used on network "${network.name}"; choose another`,
    );
  }
}

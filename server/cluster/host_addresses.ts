/**
 * The addresses of the cluster's hosts, for the packet filter: this host's overlays take packets from
 * them alone. A host is known from its registration on, before it has anything to send.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Mutex } from "../../lib/async/mutex.ts";
import type { HostGuard } from "../../drivers/bridge/host_guard.ts";
import { PROBE_VNI } from "../../drivers/overlay/probe/probe_packet.ts";
import { formatIp, parseIp } from "../../lib/ip/cidr.ts";
import { isEncrypted } from "../../drivers/overlay/options.ts";
import { ENCRYPTED_PORT } from "../../drivers/overlay/tunnel/address.ts";
import type { NetworkRecord } from "../model/records.ts";
import type { Mirror } from "../model/mirror.ts";
import type { State } from "../model/state.ts";
import { errorChain } from "../../lib/api/errors.ts";
import type { Vteps } from "./vteps.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Whether a network is an overlay whose packets are encrypted between hosts. */
function isEncryptedOverlay(network: NetworkRecord): boolean {
  return network.driver === "overlay" && isEncrypted(network);
}

/** Kinds of records that say where hosts are and which networks they tunnel. */
const CONCERNS = new Set(["hosts", "members", "networks"]);

/** Refused addresses that are logged by name, at most. */
const MAX_WARNED = 100;

/** What {@linkcode HostAddresses} is made of. */
export interface HostAddressesOptions {
  /** Mirror of the shared store; it follows hosts already. */
  mirror: Mirror;
  state: State;
  /** Judges which addresses can belong to other hosts. */
  vteps: Vteps;
  guard: Pick<HostGuard, "setVteps">;
  /** UDP port of VXLAN. */
  port: number;
}

/** Keeps the packet filter's set of hosts equal to the store's. */
export class HostAddresses {
  readonly #options: HostAddressesOptions;
  readonly #unsubscribe: () => void;
  #told: string | undefined;
  readonly #warned = new Set<string>();
  readonly #turns = new Mutex();
  #timer: number | undefined;

  constructor(options: HostAddressesOptions) {
    this.#options = options;
    this.#unsubscribe = options.mirror.subscribe((changes) => {
      const matters = changes.some((change) => {
        const key = change.type === "put" ? change.entry.key : change.key;
        return CONCERNS.has(key.slice(0, key.indexOf("/")));
      });
      if (matters) this.#timer ??= setTimeout(() => this.retell(), 0);
    });
  }

  /** Addresses of all other hosts, living or silent. */
  current(): string[] {
    const { vteps } = this.#options;
    const good: string[] = [];
    for (const { host, address } of vteps.all()) {
      const fault = vteps.faultOf(address);
      if (fault === undefined) good.push(formatIp(parseIp(address)));
      else this.#warn(host, address, fault);
    }
    return [...new Set(good)].sort();
  }

  /** Logs each refused address once, up to {@linkcode MAX_WARNED}: the store may hold any number. */
  #warn(host: string, address: string, fault: string): void {
    if (this.#warned.size >= MAX_WARNED || this.#warned.has(address)) return;
    this.#warned.add(address);
    log.warn("The address {address} of host {host} in the store is left out: {fault}", {
      address,
      host: JSON.stringify(host),
      fault,
    });
  }

  /** Updates the packet filter; a failure is logged and retried with the next change. */
  async retell(): Promise<void> {
    this.#timer = undefined;
    await this.#tell().catch((error) =>
      log.error("Cannot tell the packet filter of the cluster's hosts: {cause}", {
        cause: errorChain(error).join(": "),
      })
    );
  }

  #tell(): Promise<void> {
    return this.#turns.run(async () => {
      const { state, guard, port } = this.#options;
      const addresses = this.current();
      const networks = [...state.networks.values()].map(({ record }) => record);
      const vnisOf = (some: NetworkRecord[]) => some.flatMap(({ vni }) => vni ?? []);
      const all = vnisOf(networks);
      const encrypted = vnisOf(networks.filter(isEncryptedOverlay));
      const text = JSON.stringify([addresses, all, encrypted]);
      if (text === this.#told) return;
      const ports = [...new Set([port, ENCRYPTED_PORT])];
      await guard.setVteps(ports, addresses, { all: [PROBE_VNI, ...all], encrypted });
      this.#told = text;
    });
  }

  /** Stops following hosts; the packet filter keeps the last set. */
  async close(): Promise<void> {
    this.#unsubscribe();
    clearTimeout(this.#timer);
    await this.#turns.idle();
  }
}

/**
 * This host's part in encrypted networks: it says its public key and its endpoint in the store, tells its tunnel of
 * other hosts', and changes its key from time to time. Level-triggered.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Mutex } from "../../../lib/async/mutex.ts";
import { errorChain, isAway } from "../../../lib/api/errors.ts";
import type { Underlay } from "../../../drivers/driver.ts";
import { joinEndpoint, splitEndpoint } from "../../../drivers/overlay/tunnel/endpoint.ts";
import { isStale, type TunnelHost } from "../../../drivers/overlay/tunnel/peers.ts";
import type { Tunnel, TunnelPeer } from "../../../drivers/overlay/tunnel/tunnel.ts";
import type { Mirror } from "../../model/mirror.ts";
import type { TunnelRecord } from "../../model/records.ts";
import { hostRecords } from "../../model/repository/hosts.ts";
import { concernsTunnels, rotationRecord, tunnelRecords } from "../../model/shared/tunnels.ts";
import type { Vteps } from "../vteps.ts";
import { HostKeys } from "./host_keys.ts";
import { rotationStep } from "./rotation.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pause between two looks at a rotation under way, in ms. */
const WAIT_MS = 1_000;
/** Beyond a lease's time to live, other daemons may take this long to follow the store, in ms. */
const SLACK_MS = 5_000;
/** Endpoints of others that a host publishes, and those of one host that are tried, at most. */
const MAX_SEEN = 64;
const MAX_TRIED = 8;

/** What {@linkcode Encryption} is made of. */
export interface EncryptionOptions {
  /** Mirror of the shared store. */
  mirror: Mirror;
  hostId: string;
  stateDir: string;
  tunnel: Pick<Tunnel, "identify" | "setHosts" | "peers" | "refused" | "isOpen">;
  /** UDP port of WireGuard. */
  port: number;
  underlay: () => Underlay | undefined;
  vteps: Pick<Vteps, "faultOf">;
  /** Whether others share the store. */
  shared: boolean;
  /** Whether what is in the store is known. */
  loaded: () => boolean;
  /** Time to live of a host's lease, in ms. */
  leaseTtl: number;
}

/** The part of this host. */
export class Encryption {
  readonly #options: EncryptionOptions;
  readonly #turns = new Mutex();
  #keys: HostKeys | undefined;
  #unsubscribe: () => void = () => {};
  #timer: number | undefined;
  #closed = false;
  /** When the next key was first seen in the store, by performance.now(). */
  #announced: { key: string; at: number } | undefined;

  constructor(options: EncryptionOptions) {
    this.#options = options;
  }

  /**
   * Begins. The tunnel knows this host's key then, and what is known of others; what it says in the store follows
   * when that answers. A failure is logged, and tried again with the next round.
   */
  async start(): Promise<void> {
    this.#unsubscribe = this.#options.mirror.subscribe((changes) => {
      const matters = changes.some((change) =>
        concernsTunnels(change.type === "put" ? change.entry.key : change.key)
      );
      if (matters) this.#soon(0);
    });
    await this.#inTurn(() => this.#tell());
    this.#soon(0);
  }

  #soon(ms: number): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => this.refresh(), ms);
  }

  /** Brings keys, store and tunnel in line with each other. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#inTurn(async () => {
      await this.#tell();
      if (!this.#options.shared) return;
      await this.#publish();
      await this.#rotate();
    });
  }

  async #inTurn(action: () => Promise<void>): Promise<void> {
    await this.#turns.run(action).catch((error) => {
      if (isAway(error)) return; // The next round tries again.
      log.error("Cannot follow the keys of encrypted networks: {cause}", {
        cause: errorChain(error).join(": "),
      });
    });
  }

  /** Tells the tunnel who this host is, and which others there are. */
  async #tell(): Promise<void> {
    const { stateDir, hostId, tunnel, shared, loaded } = this.#options;
    this.#keys ??= await HostKeys.open(stateDir, hostId);
    await this.#identify();
    if (!shared) await tunnel.setHosts([]);
    else if (loaded()) await tunnel.setHosts(this.#others());
  }

  async #identify(): Promise<void> {
    const { tunnel, hostId, port } = this.#options;
    await tunnel.identify({ host: hostId, key: this.#keys!.set.current.private, port });
  }

  /** Other hosts, as the store has them. */
  #others(): TunnelHost[] {
    const records = tunnelRecords.of(this.#options.mirror);
    return records.filter(({ host }) => host !== this.#options.hostId).map((record) => ({
      id: record.host,
      keys: [record.key, ...record.next === undefined ? [] : [record.next]],
      endpoints: [...new Set([record.endpoint, ...records.map(({ seen }) => seen?.[record.host])])]
        .flatMap((endpoint) => this.#usable(endpoint) ?? []).slice(0, MAX_TRIED),
    }));
  }

  /** An endpoint of the store's, unless it can't be another host's; a link-local one with this host's link. */
  #usable(endpoint: string | undefined): string | undefined {
    const parts = endpoint === undefined ? undefined : splitEndpoint(endpoint);
    if (!parts || this.#options.vteps.faultOf(parts.hostname) !== undefined) return undefined;
    if (!/^fe[89ab]/i.test(parts.hostname)) return joinEndpoint(parts.hostname, parts.port);
    const link = this.#options.underlay()?.interface;
    return link && joinEndpoint(`${parts.hostname}%${link}`, parts.port);
  }

  /** Says this host's keys in the store, where that is other than it should be. */
  async #publish(): Promise<void> {
    const { mirror, hostId, port, underlay, tunnel } = this.#options;
    const { current, next } = this.#keys!.set;
    const address = underlay()?.address;
    const seen = seenBy(await tunnel.peers().catch(() => []), mirror);
    const record: TunnelRecord = {
      host: hostId,
      key: current.public,
      ...next && { next: next.public },
      made: current.made,
      ...address !== undefined && { endpoint: joinEndpoint(address, port) },
      ...Object.keys(seen).length > 0 && { seen },
    };
    const put = tunnelRecords.put(record);
    if (mirror.get(put.key)?.value !== put.value) await mirror.commit({ puts: [put] });
    if (!next) this.#announced = undefined;
    else if (this.#announced?.key !== next.public) {
      this.#announced = { key: next.public, at: performance.now() };
    }
  }

  async #rotate(): Promise<void> {
    const { mirror, leaseTtl } = this.#options;
    const keySet = this.#keys!;
    const { current, next, rotation } = keySet.set;
    const request = rotationRecord.get(mirror)?.id;
    const step = rotationStep({
      now: Date.now(),
      made: Date.parse(current.made),
      request,
      followed: rotation,
      hasNext: next !== undefined,
      announced: this.#announced && performance.now() - this.#announced.at,
      settle: leaseTtl + SLACK_MS,
      silent: next !== undefined && await this.#hasSilentPeer(),
    });
    if (step === "prepare") {
      // A host that has just come has no key that is older than the request.
      const newcomer = rotation === undefined && request !== undefined &&
        current.made > (rotationRecord.get(mirror)?.requested ?? "");
      if (newcomer) return await keySet.note(request);
      await keySet.prepare();
      this.#soon(0);
    } else if (step === "wait") this.#soon(WAIT_MS);
    else if (step === "use") {
      await keySet.promote(request);
      await this.#identify();
      await this.#publish();
      log.info("This host has a new key for encrypted networks");
    }
  }

  async #hasSilentPeer(): Promise<boolean> {
    const alive = await hostRecords.alive(this.#options.mirror.store);
    return (await this.#options.tunnel.peers()).some(({ host }) => !alive.has(host));
  }

  /** Asks all hosts for new keys; those that are away follow when they are back. @returns id of the request */
  async rotateAll(): Promise<string> {
    const id = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const put = rotationRecord.put({ id, requested: new Date().toISOString() });
    await this.#options.mirror.commit({ puts: [put] });
    return id;
  }

  /** What the store has of a host's key. */
  keyOf(host: string): TunnelRecord | undefined {
    return tunnelRecords.get(this.#options.mirror, host);
  }

  /** The tunnel's peers; none where it isn't open. */
  peers(): Promise<TunnelPeer[]> {
    return this.#options.tunnel.peers();
  }

  /** Ids of hosts that are left out, since another has their key or their address. */
  get refused(): string[] {
    return this.#options.tunnel.refused.map(({ id }) => id);
  }

  /** Stops; the tunnel stays as it is. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    await this.#turns.idle();
  }
}

/** Where other hosts are, by id, if that is elsewhere than they say: others may reach them there, too. */
function seenBy(peers: TunnelPeer[], mirror: Mirror): Record<string, string> {
  const seen: [string, string][] = peers.flatMap(({ host, endpoint, handshake }) => {
    if (endpoint === undefined || isStale({ handshake }, Date.now())) return [];
    const parts = splitEndpoint(endpoint);
    const elsewhere = tunnelRecords.get(mirror, host)?.endpoint !== endpoint;
    return parts && elsewhere && !/^fe[89ab]/i.test(parts.hostname) ? [[host, endpoint]] : [];
  });
  return Object.fromEntries(seen.sort().slice(0, MAX_SEEN));
}

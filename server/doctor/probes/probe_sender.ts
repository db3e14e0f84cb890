/**
 * Sends packets of several sizes to a peer.
 *
 * @module
 */
import { sleep } from "../../../lib/async/sleep.ts";
import type { Underlay } from "../../../drivers/driver.ts";
import { encodeProbe, probeSizes } from "../../../drivers/overlay/probe/probe_packet.ts";
import { UdpProbe } from "../../../lib/linux/sockets/datagram.ts";
import type { Store } from "../../../kv/store.ts";
import { hostRecords } from "../../model/repository/hosts.ts";
import type { ProbeEnd } from "../../model/repository/probes.ts";

/** How many times each size is sent. */
const ROUNDS = 4;
/** Pause between these rounds, in milliseconds. */
const ROUND_MS = 120;

/** What to send, and to which peer. */
export interface Sending {
  own: ProbeEnd;
  /** Id of the peer. */
  host: string;
  peer: ProbeEnd;
  token: string;
}

/** Options of {@linkcode ProbeSender}. */
export interface ProbeSenderOptions {
  store: Store;
  underlay: () => Underlay | undefined;
  /** UDP port of VXLAN. */
  port: number;
  /** Size of the largest packets to send, in bytes with the outer IP header. */
  fullSize: (underlay: Underlay) => number;
}

export class ProbeSender {
  readonly #options: ProbeSenderOptions;

  constructor(options: ProbeSenderOptions) {
    this.#options = options;
  }

  /** This host's end of the path. */
  end(): ProbeEnd {
    const underlay = this.#options.underlay();
    return {
      ...underlay && { address: underlay.address },
      port: this.#options.port,
      sizes: underlay ? probeSizes(this.#options.fullSize(underlay)) : [],
    };
  }

  /**
   * Sends every size a few times, unless the peer's address isn't the one of its host record.
   *
   * @returns `errno` by packet size, for sizes that couldn't be sent
   */
  async send(underlay: Underlay, sending: Sending): Promise<Record<number, number>> {
    const { own, host, peer, token } = sending;
    const refused: Record<number, number> = {};
    const family = underlay.address.includes(":") ? 6 : 4;
    if (peer.address === undefined || !await this.#isHost(host, peer)) return refused;
    if (peer.address.includes(":") !== (family === 6)) return refused;
    using socket = new UdpProbe(underlay);
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await sleep(ROUND_MS);
      for (const size of own.sizes) {
        const code = socket.send(peer.address, peer.port, encodeProbe({ token, size }, family));
        if (code === 0) delete refused[size];
        else if (round === 0 || size in refused) refused[size] = code;
      }
    }
    return refused;
  }

  /** Whether an end has the address of its host's record in the store: probes go to no other address. */
  async #isHost(id: string, { address, port }: ProbeEnd): Promise<boolean> {
    const record = await hostRecords.get(this.#options.store, id);
    return record !== undefined && record.address === address && record.overlayPort === port;
  }
}

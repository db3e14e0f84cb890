/**
 * Examines the way between this host and another, both directions, together with that host's daemon;
 * and does its part when another one asks. The two talk through the store (see
 * `probes.ts` of the model's repository), so that it is the tunnel's way alone that is examined.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../../lib/async/sleep.ts";
import type { Underlay } from "../../../drivers/driver.ts";
import { UdpProbe } from "../../../lib/linux/sockets/datagram.ts";
import type { ProbeListener } from "../../../drivers/overlay/probe/probe_listener.ts";
import { encodeProbe, probeSizes } from "../../../drivers/overlay/probe/probe_packet.ts";
import { type Change, type Entry, type Lease, type Store } from "../../../kv/store.ts";
import { hostRecords } from "../../model/repository/hosts.ts";
import { together } from "../../model/transaction.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import {
  type Letter,
  type ProbeEnd,
  probeRecords,
  type ProbeRequest,
  type ProbeResult,
} from "../../model/repository/probes.ts";

const log = getLogger(["netsvc", "doctor"]);
/** The peer's daemon has this long to answer, and to report, in milliseconds. */
const READY_MS = 6_000, REPORT_MS = 6_000;
/** Packets are waited for this long after the peer says that it sends, in milliseconds. */
const HEAR_MS = 2_000;
/** Each size is sent this often, with pauses of so many milliseconds. */
const ROUNDS = 4, ROUND_MS = 120;
/** Requests served at a time; others get no answer. */
const MAX_SERVED = 64;
/** What was answered stays for the asker for this long at most, in milliseconds. */
const ANSWER_MS = 20_000;
/** A daemon that is there says so within this time, in milliseconds. */
const ANSWERS_MS = 1_500;
/** Of the lease of such a question, in milliseconds. */
const QUESTION_TTL_MS = 10_000;
/** Of what is told of a failure, in characters. */
const MAX_FAILURE = 500;
/** After a watch ended the inbox is looked at again, in milliseconds. */
const REOPEN_MS = 1_000;

/** What the probes work with. */
export interface ProbesOptions {
  store: Store;
  hostId: string;
  lease: () => Lease | undefined;
  listener: ProbeListener;
  underlay: () => Underlay | undefined;
  /** UDP port of VXLAN. */
  port: number;
  /** Size of the largest packets to send, in bytes with the outer IP header. */
  fullSize: (underlay: Underlay) => number;
}

/** Polls until a condition holds or the time is over; gives whether it holds. */
async function holds(condition: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

/** The probes of one daemon. */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #inbox: string;
  readonly #closed = new AbortController();
  /** What came into the inbox, without this host's prefix: `TOKEN/STEP`. */
  readonly #mail = new Map<string, Entry>();
  readonly #served = new Set<string>();
  /** Tokens of this daemon's own questions to who has the same id. */
  readonly #asked = new Set<string>();
  readonly #following: Promise<void>;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#inbox = probeRecords.inbox(options.hostId);
    this.#following = this.#follow();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        for await (const event of this.#options.store.watch(this.#inbox, { signal })) {
          if (event.type === "snapshot") {
            this.#mail.clear();
            for (const entry of event.entries) this.#receive({ type: "put", entry });
          } else event.changes.forEach((change) => this.#receive(change));
        }
      } catch (error) {
        log.debug("The inbox of probes ended: {cause}", { cause: errorChain(error).join(": ") });
      }
      if (!signal.aborted) await sleep(REOPEN_MS);
    }
  }

  #receive(change: Change): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    const mail = key.slice(this.#inbox.length);
    if (change.type === "delete") {
      this.#mail.delete(mail);
      return;
    }
    this.#mail.set(mail, change.entry);
    const [token, step] = mail.split("/") as [string, string];
    if (
      step !== "request" || this.#asked.has(token) || this.#served.has(token) ||
      this.#served.size >= MAX_SERVED
    ) return;
    this.#served.add(token);
    this.#serve(token, change.entry).catch((error) =>
      log.debug("Cannot answer a probe: {cause}", { cause: errorChain(error).join(": ") })
    ).finally(() => this.#served.delete(token));
  }

  #letter<T>(token: string, step: "ready" | "report", read: (entry: Entry) => T): T | undefined {
    const entry = this.#mail.get(`${token}/${step}`);
    return entry && read(entry);
  }

  /** This host's end. */
  #end(): ProbeEnd {
    const underlay = this.#options.underlay();
    return {
      ...underlay && { address: underlay.address },
      port: this.#options.port,
      sizes: underlay ? probeSizes(this.#options.fullSize(underlay)) : [],
    };
  }

  /** Sends all sizes a few times; gives `errno` by size of what never left. */
  async #send(underlay: Underlay, own: ProbeEnd, peer: ProbeEnd, token: string) {
    const refused: Record<number, number> = {};
    const family = underlay.address.includes(":") ? 6 : 4;
    if (peer.address === undefined || peer.address.includes(":") !== (family === 6)) return refused;
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

  /** Whether an end is where its host says in the store that it is: nobody else is sent anything. */
  async #isHost(id: string, { address, port }: ProbeEnd): Promise<boolean> {
    if (address === undefined) return false;
    const record = await hostRecords.get(this.#options.store, id);
    return record?.address === address && record.overlayPort === port;
  }

  /** Does this host's part of an examination by another. */
  async #serve(token: string, request: Entry): Promise<void> {
    const { store, listener } = this.#options;
    const { from, end: peer } = probeRecords.request(request);
    const asked = { checks: [{ key: request.key, revision: request.revision }] };
    const answer = (letter: Letter) => {
      const lease = this.#options.lease();
      const put = probeRecords.put(from, token, { ...letter, ...lease && { lease } });
      return store.commit(together(asked, put));
    };
    const underlay = this.#options.underlay();
    const own = this.#end();
    const heard = new Set<number>();
    try {
      if (!underlay) {
        await answer({ step: "ready", value: { time: Date.now(), end: own } });
        return;
      }
      await using _listening = await listener.listen(underlay, token, (size) => heard.add(size));
      await answer({ step: "ready", value: { time: Date.now(), end: own } });
      const refused = await this.#isHost(from, peer)
        ? await this.#send(underlay, own, peer, token)
        : {};
      await holds(() => peer.sizes.every((size) => heard.has(size)), HEAR_MS);
      await answer({ step: "report", value: { heard: [...heard], refused } });
    } catch (error) {
      const failure = errorChain(error)[0]!.slice(0, MAX_FAILURE);
      await answer({ step: "ready", value: { time: Date.now(), end: own, failure } });
    } finally {
      // The asker takes its request away when it has read all of this.
      await holds(
        () => !this.#mail.has(`${token}/request`) || this.#closed.signal.aborted,
        ANSWER_MS,
      );
      const answers = probeRecords.delete(from, token, "ready", "report");
      await store.commit(answers).catch(() => {}); // They go with the lease.
    }
  }

  /**
   * Whether the daemon of a host answers through the store; of this one's id, another daemon.
   *
   * @throws {NetsvcError} `unavailable`, `timeout` of the store
   */
  async answers(host: string): Promise<boolean> {
    const { store, hostId, port } = this.#options;
    const token = crypto.getRandomValues(new Uint8Array(8)).toHex();
    // No address: nothing is sent but the answer.
    const request: ProbeRequest = { from: hostId, end: { port, sizes: [] } };
    const lease = await store.lease(QUESTION_TTL_MS);
    this.#asked.add(token);
    try {
      await store.commit(
        probeRecords.put(host, token, { step: "request", value: request, lease }),
      );
      return await holds(() => this.#mail.has(`${token}/ready`), ANSWERS_MS);
    } finally {
      this.#asked.delete(token);
      await lease.revoke().catch(() => {}); // It ends by itself.
    }
  }

  /**
   * Examines the way to a host and back.
   *
   * @param host the peer's id
   * @throws {NetsvcError} `unavailable` without store, lease or underlay, `in_use`: the port is taken
   */
  async examine(host: string): Promise<ProbeResult> {
    const { store, listener, hostId } = this.#options;
    const [underlay, lease] = [this.#options.underlay(), this.#options.lease()];
    if (!underlay || !lease) {
      throw new NetsvcError("unavailable", "This host has no underlay address, or no lease");
    }
    const token = crypto.getRandomValues(new Uint8Array(8)).toHex();
    const own = this.#end();
    const heard = new Set<number>();
    await using _listening = await listener.listen(underlay, token, (size) => heard.add(size));
    const request: ProbeRequest = { from: hostId, end: own };
    try {
      const asked = Date.now();
      await store.commit(
        probeRecords.put(host, token, { step: "request", value: request, lease }),
      );
      await holds(() => this.#mail.has(`${token}/ready`), READY_MS);
      const got = Date.now();
      const ready = this.#letter(token, "ready", probeRecords.ready);
      if (!ready) return { own };
      const clock = {
        ahead: Math.round(ready.time - (asked + got) / 2),
        within: Math.ceil((got - asked) / 2),
      };
      if (ready.failure !== undefined || ready.end.address === undefined) {
        return { own, ready, clock };
      }
      const refused = await this.#isHost(host, ready.end)
        ? await this.#send(underlay, own, ready.end, token)
        : {};
      await holds(() => ready.end.sizes.every((size) => heard.has(size)), HEAR_MS);
      await holds(() => this.#mail.has(`${token}/report`), REPORT_MS);
      const there = this.#letter(token, "report", probeRecords.report);
      const here = { heard: [...heard], refused };
      return { own, ready, clock, here, ...there && { there } };
    } finally {
      const letters = together(
        probeRecords.delete(host, token, "request"),
        probeRecords.delete(hostId, token, "ready", "report"),
      );
      await store.commit(letters).catch(() => {}); // They go with the lease.
    }
  }

  /** Ends. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
  }
}

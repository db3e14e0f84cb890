/**
 * Probes the path between this host and another in both directions, together with that host's daemon, and
 * does this host's part when another daemon asks. The two communicate through the store (see `probes.ts` of
 * the model's repository), so that the result depends on the tunnel's path alone.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../../lib/async/sleep.ts";
import type { ProbeListener } from "../../../drivers/overlay/probe/probe_listener.ts";
import type { Entry, Lease } from "../../../kv/store.ts";
import { together } from "../../model/transaction.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import {
  type Letter,
  probeRecords,
  type ProbeRequest,
  type ProbeResult,
} from "../../model/repository/probes.ts";

import { Mailbox } from "./mailbox.ts";
import { ProbeSender, type ProbeSenderOptions } from "./probe_sender.ts";

const log = getLogger(["netsvc", "doctor"]);
/** Deadline for the answer of the peer's daemon, in milliseconds. */
const READY_MS = 6_000;
/** Deadline for its report, in milliseconds. */
const REPORT_MS = 6_000;
/** How long to wait for packets after the peer says that it sends, in milliseconds. */
const HEAR_MS = 2_000;
/** Limit of requests served concurrently; further ones get no answer. */
const MAX_SERVED = 64;
/** How long an answer stays in the store at most, for the asking daemon to read it, in milliseconds. */
const ANSWER_MS = 20_000;
/** Deadline for a daemon to show that it is running, in milliseconds. */
const ANSWERS_MS = 1_500;
/** Time to live of the lease of such a request, in milliseconds. */
const QUESTION_TTL_MS = 10_000;
/** Longest message about a failure, in characters. */
const MAX_FAILURE = 500;

export interface ProbesOptions extends ProbeSenderOptions {
  hostId: string;
  lease: () => Lease | undefined;
  listener: ProbeListener;
}

/** Polls until a condition holds or the time is over. @returns whether it holds */
async function holds(condition: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

export class Probes {
  readonly #options: ProbesOptions;
  readonly #sender: ProbeSender;
  readonly #served = new Set<string>();
  /** Tokens of requests that this daemon sent to its own host id: only another daemon may answer them. */
  readonly #asked = new Set<string>();
  readonly #mailbox: Mailbox;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#sender = new ProbeSender(options);
    const onRequest = (token: string, request: Entry) => this.#receive(token, request);
    this.#mailbox = new Mailbox({ ...options, onRequest });
  }

  /** Starts this host's part of an examination by another host. */
  #receive(token: string, request: Entry): void {
    if (this.#asked.has(token) || this.#served.has(token) || this.#served.size >= MAX_SERVED) {
      return;
    }
    this.#served.add(token);
    this.#serve(token, request).catch((error) =>
      log.debug("Cannot answer a probe: {cause}", { cause: errorChain(error).join(": ") })
    ).finally(() => this.#served.delete(token));
  }

  /** Does this host's part of an examination by another host. */
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
    const own = this.#sender.end();
    const heard = new Set<number>();
    try {
      if (!underlay) {
        await answer({ step: "ready", value: { time: Date.now(), end: own } });
        return;
      }
      await using _listening = await listener.listen(underlay, token, (size) => heard.add(size));
      await answer({ step: "ready", value: { time: Date.now(), end: own } });
      const refused = await this.#sender.send(underlay, { own, host: from, peer, token });
      await holds(() => peer.sizes.every((size) => heard.has(size)), HEAR_MS);
      await answer({ step: "report", value: { heard: [...heard], refused } });
    } catch (error) {
      const failure = errorChain(error)[0]!.slice(0, MAX_FAILURE);
      await answer({ step: "ready", value: { time: Date.now(), end: own, failure } });
    } finally {
      // The asking daemon removes its request when it has read all answers.
      await holds(
        () => !this.#mailbox.has(token, "request") || this.#mailbox.closed.aborted,
        ANSWER_MS,
      );
      const answers = probeRecords.delete(from, token, "ready", "report");
      await store.commit(answers).catch(() => {}); // The answers end with the lease.
    }
  }

  /**
   * Whether the daemon of a host answers through the store; for this host's id, whether another daemon does.
   *
   * @throws {NetsvcError} `unavailable`, `timeout` of the store
   */
  async answers(host: string): Promise<boolean> {
    const { store, hostId, port } = this.#options;
    const token = crypto.getRandomValues(new Uint8Array(8)).toHex();
    // Without an address the peer only answers, and sends no packets.
    const request: ProbeRequest = { from: hostId, end: { port, sizes: [] } };
    const lease = await store.lease(QUESTION_TTL_MS);
    this.#asked.add(token);
    try {
      await store.commit(
        probeRecords.put(host, token, { step: "request", value: request, lease }),
      );
      return await holds(() => this.#mailbox.has(token, "ready"), ANSWERS_MS);
    } finally {
      this.#asked.delete(token);
      await lease.revoke().catch(() => {}); // The lease expires by itself.
    }
  }

  /**
   * Examines the path to a host and back.
   *
   * @param host the peer's id
   * @throws {NetsvcError} `unavailable` without store, lease or underlay; `in_use` when the port is taken
   */
  async examine(host: string): Promise<ProbeResult> {
    const { store, listener, hostId } = this.#options;
    const [underlay, lease] = [this.#options.underlay(), this.#options.lease()];
    if (!underlay || !lease) {
      throw new NetsvcError("unavailable", "This host has no underlay address, or no lease");
    }
    const token = crypto.getRandomValues(new Uint8Array(8)).toHex();
    const own = this.#sender.end();
    const heard = new Set<number>();
    await using _listening = await listener.listen(underlay, token, (size) => heard.add(size));
    const request: ProbeRequest = { from: hostId, end: own };
    try {
      const asked = Date.now();
      await store.commit(
        probeRecords.put(host, token, { step: "request", value: request, lease }),
      );
      await holds(() => this.#mailbox.has(token, "ready"), READY_MS);
      const got = Date.now();
      const ready = this.#mailbox.read(token, "ready", probeRecords.ready);
      if (!ready) return { own };
      const clock = {
        ahead: Math.round(ready.time - (asked + got) / 2),
        within: Math.ceil((got - asked) / 2),
      };
      if (ready.failure !== undefined || ready.end.address === undefined) {
        return { own, ready, clock };
      }
      const refused = await this.#sender.send(underlay, { own, host, peer: ready.end, token });
      await holds(() => ready.end.sizes.every((size) => heard.has(size)), HEAR_MS);
      await holds(() => this.#mailbox.has(token, "report"), REPORT_MS);
      const there = this.#mailbox.read(token, "report", probeRecords.report);
      const here = { heard: [...heard], refused };
      return { own, ready, clock, here, ...there && { there } };
    } finally {
      const letters = together(
        probeRecords.delete(host, token, "request"),
        probeRecords.delete(hostId, token, "ready", "report"),
      );
      await store.commit(letters).catch(() => {}); // The messages end with the lease.
    }
  }

  /** Stops receiving and answering requests. */
  async close(): Promise<void> {
    await this.#mailbox.close();
  }
}

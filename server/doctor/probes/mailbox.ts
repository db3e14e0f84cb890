/**
 * Messages that other hosts' daemons leave in the store for this one.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Change, Entry, Store } from "../../../kv/store.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { probeRecords } from "../../model/repository/probes.ts";

const log = getLogger(["netsvc", "doctor"]);

/** Pause before the inbox is read again after its watch ended, in milliseconds. */
const REOPEN_MS = 1_000;

/** Called with each request that arrives. */
export type OnRequest = (token: string, request: Entry) => void;

/** Options of {@linkcode Mailbox}. */
export interface MailboxOptions {
  store: Store;
  hostId: string;
  onRequest: OnRequest;
}

/** This host's inbox. */
export class Mailbox {
  readonly #options: MailboxOptions;
  readonly #inbox: string;
  readonly #closed = new AbortController();
  /** Received messages, by their key without this host's prefix: `TOKEN/STEP`. */
  readonly #mail = new Map<string, Entry>();
  readonly #following: Promise<void>;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#inbox = probeRecords.inbox(options.hostId);
    this.#following = this.#follow();
  }

  /** Aborts when the mailbox is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Whether a message has arrived. */
  has(token: string, step: "request" | "ready" | "report"): boolean {
    return this.#mail.has(`${token}/${step}`);
  }

  /** Parses a message; `undefined` until it arrives. */
  read<T>(token: string, step: "ready" | "report", read: (entry: Entry) => T): T | undefined {
    const entry = this.#mail.get(`${token}/${step}`);
    return entry && read(entry);
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
      await sleep(REOPEN_MS, signal);
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
    if (step === "request") this.#options.onRequest(token, change.entry);
  }

  /** Stops receiving messages. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
  }
}

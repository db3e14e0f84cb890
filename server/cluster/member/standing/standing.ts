/**
 * Whether this host is still one of its cluster: who was put out is refused at its store's door, which looks from here as
 * if the store were away. Where hosts join it is told.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { z } from "zod";
import { errorChain } from "../../../../lib/api/errors.ts";
import { HostName } from "../../control/host_text.ts";
import { Rounds } from "../../etcd/voters/rounds.ts";
import type { Expulsed } from "../duties.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Pause between two questions, in milliseconds. */
const ROUND_MS = 5_000;

/** What a voter says of whoever shows a certificate; what isn't known yet is left out. */
export const StandingAnswer = z.object({
  out: z.object({ by: HostName.optional(), at: z.number().min(0) }).optional(),
});

/** What {@linkcode Standing} works with. */
export interface StandingParts {
  /** Whether there is reason to ask: the store doesn't answer, or has ended this host's lease. */
  suspect: () => boolean;
  /** Asks a voter. @throws {NetsvcError} where none answers */
  ask: (signal: AbortSignal) => Promise<unknown>;
  /** Called once this host is known to be out. */
  onExpelled?: () => Promise<void>;
}

/** Asks from time to time while there is reason to. */
export class Standing implements AsyncDisposable {
  readonly #parts: StandingParts;
  readonly #rounds: Rounds;
  readonly #stop = new AbortController();
  #expelled: Expulsed | undefined;

  constructor(parts: StandingParts, pause: number = ROUND_MS) {
    this.#parts = parts;
    this.#rounds = new Rounds(() => this.#look(), pause);
  }

  begin(): void {
    this.#rounds.begin();
  }

  /** That this host was put out; asked for now where there is reason to. */
  async now(): Promise<Expulsed | undefined> {
    if (!this.#expelled && this.#parts.suspect()) await this.#rounds.run();
    return this.#expelled;
  }

  /** Never fails. */
  async #look(): Promise<void> {
    if (this.#expelled || !this.#parts.suspect()) return;
    try {
      const { out } = StandingAnswer.parse(await this.#parts.ask(this.#stop.signal));
      if (!out || this.#expelled) return;
      const { by, at } = out;
      this.#expelled = { at, ...by !== undefined && { by } };
      log.error("{what}; {remedy}", { what: describeExpulsion(this.#expelled), remedy: REMEDY });
      await this.#parts.onExpelled?.();
    } catch (error) {
      log.debug("Cannot ask whether this host is out: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#rounds[Symbol.asyncDispose]();
  }
}

const REMEDY = `to have it back: "netsvc cluster leave -f" here, then join with a new token`;

/** Says it. */
export function describeExpulsion({ by, at }: Expulsed): string {
  const when = new Date(at).toISOString().slice(0, 16).replace("T", " ");
  return `This host was removed from the cluster${
    by === undefined ? "" : ` by host ${by}`
  } (${when} UTC)`;
}

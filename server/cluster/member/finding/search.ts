/**
 * Looks for the voters where none of those answers that this host knows: they may all have been replaced while it was
 * down. Whoever was a host of the cluster may be one now, and proves it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../../kv/store.ts";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { errorChain } from "../../../../lib/api/errors.ts";
import { MEMBERS_KEY } from "../../etcd/voters/member_record.ts";
import { Rounds } from "../../etcd/voters/rounds.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pause between two looks, in milliseconds. */
const ROUND_MS = 5_000;
/** So many looks in a row have to fail before others are asked: an election is over by then. */
const FAILURES = 2;
/** Hosts that are asked at one time. */
const AT_ONCE = 8;

/** What {@linkcode Search} works with. */
export interface SearchParts {
  /** The public part of the cluster's store. */
  store: Pick<Store, "get">;
  /** Addresses of the cluster's hosts. */
  known: () => Promise<readonly string[]>;
  /** This host's own address. */
  self: () => string;
  /** Where voters are looked for already. */
  endpoints: () => readonly Endpoint[];
  /** Asks a host where the voters are. @throws where it is none itself, or doesn't answer */
  ask: (address: string) => Promise<readonly Endpoint[]>;
  /** Called with the voters that were found. */
  found: (endpoints: readonly Endpoint[]) => Promise<void>;
}

/** Whom to ask, who isn't asked already. Pure. */
export function whomToAsk(
  known: readonly string[],
  { self, endpoints }: { self: string; endpoints: readonly Pick<Endpoint, "host">[] },
): string[] {
  const asked = new Set([self, ...endpoints.map(({ host }) => host)]);
  return known.filter((address) => !asked.has(address));
}

/** Looks again and again. */
export class Search implements AsyncDisposable {
  readonly #parts: SearchParts;
  readonly #rounds = new Rounds(() => this.#look(), ROUND_MS);
  #failures = 0;

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  /** From now on. */
  begin(): void {
    this.#rounds.begin();
  }

  /** One look. Never fails. */
  round(): Promise<void> {
    return this.#rounds.run();
  }

  async #look(): Promise<void> {
    try {
      await this.#parts.store.get(MEMBERS_KEY);
      this.#failures = 0;
    } catch {
      if (++this.#failures < FAILURES) return;
      await this.#search().catch((error) =>
        log.debug("No voter is found: {cause}", { cause: errorChain(error).join(": ") })
      );
    }
  }

  async #search(): Promise<void> {
    const { known, self, endpoints, ask, found } = this.#parts;
    const whom = whomToAsk(await known(), { self: self(), endpoints: endpoints() });
    for (let i = 0; i < whom.length && !this.#rounds.closed; i += AT_ONCE) {
      const answers = await Promise.all(
        whom.slice(i, i + AT_ONCE).map(async (address) => {
          const voters = await ask(address).catch(() => []);
          return { address, voters };
        }),
      );
      const answer = answers.find(({ voters }) => voters.length > 0);
      if (!answer) continue;
      log.info("Host {address} has said where the cluster's voters are now: {voters}", {
        address: answer.address,
        voters: answer.voters.map(({ host }) => host).join(", "),
      });
      return await found(answer.voters);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }
}

/**
 * Join tokens: made, listed, removed, spent.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Check, Put } from "../../../kv/store.ts";
import type { Reads } from "./scoped_store.ts";
import { type HostRecord, type TokenRecord, tokens } from "./records.ts";
import { hashSecret, newSecret } from "./token.ts";

/** So many are kept at most: who makes more has forgotten that they end. */
const MAX_TOKENS = 1000;
/** What is wrong with a token that isn't good, in words that tell nothing to who has none. */
const REFUSED =
  "The join token is not good: it has ended, was used, was removed, or is of another cluster; " +
  `"netsvc cluster token create" on a member makes one`;

/** How long a token lasts, and for how many hosts. */
export interface TokenTerms {
  /** In milliseconds. */
  ttl: number;
  uses: number;
  /** Id of the host that it is made for. */
  by?: string;
}

/** Tokens in the store that voters alone read. */
export class Tokens {
  readonly #store: Reads;
  readonly #now: () => number;

  /** @param store of the prefix `netsvc-cluster/secret` */
  constructor(store: Reads, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** Makes one; its secret is nowhere but in what this returns. */
  async create({ ttl, uses, by }: TokenTerms): Promise<{ secret: string; record: TokenRecord }> {
    await this.#sweep();
    const { id, secret } = newSecret();
    const created = this.#now();
    const record = {
      v: 1 as const,
      id,
      hash: hashSecret(secret),
      created,
      expires: created + ttl,
      uses,
      ...by !== undefined && { by },
    };
    await this.#store.commit({
      checks: [{ key: tokens.key(id), revision: null }],
      puts: [tokens.put(record, id)],
    });
    return { secret, record };
  }

  /** Those that are still good. */
  async list(): Promise<TokenRecord[]> {
    const all = await tokens.list(this.#store, "tokens/");
    return all.filter((token) => this.#isGood(token)).sort((a, b) => a.expires - b.expires);
  }

  /** @param reference an id, or the beginning of one */
  async remove(reference: string): Promise<TokenRecord> {
    const found = (await tokens.list(this.#store, "tokens/")).filter(({ id }) =>
      id.startsWith(reference)
    );
    if (reference === "" || found.length !== 1) {
      throw new NetsvcError(
        found.length > 1 ? "ambiguous" : "not_found",
        found.length > 1
          ? `Several join tokens begin with ${JSON.stringify(reference)}: ${
            found.map(({ id }) => id).join(", ")
          }`
          : `No such join token: ${
            JSON.stringify(reference)
          }; "netsvc cluster token ls" lists them`,
      );
    }
    await this.#store.commit({ deletes: [tokens.key(found[0]!.id)] });
    return found[0]!;
  }

  /**
   * Removes those that a host could come back with: the ones that it made, and the one that it came with.
   *
   * @returns their ids
   */
  async removeOf({ id, token }: Pick<HostRecord, "id" | "token">): Promise<string[]> {
    const all = await tokens.list(this.#store, "tokens/");
    const its = all.filter((one) => one.by === id || one.id === token).map(({ id }) => id);
    for (let at = 0; at < its.length; at += 32) {
      await this.#store.commit({ deletes: its.slice(at, at + 32).map((one) => tokens.key(one)) });
    }
    return its;
  }

  /** Removes them all: those that carry the fingerprint of an authority that is about to go. */
  async removeAll(): Promise<void> {
    const all = await tokens.list(this.#store, "tokens/");
    for (let at = 0; at < all.length; at += 32) {
      await this.#store.commit({
        deletes: all.slice(at, at + 32).map(({ id }) => tokens.key(id)),
      });
    }
  }

  /**
   * What spends one use of a token: part of the transaction that takes a host in. Nothing is spent before.
   *
   * @throws {NetsvcError} `unauthorized`
   */
  async spend({ id, secret }: { id: string; secret: string }): Promise<{ check: Check; put: Put }> {
    const { record, check } = await tokens.get(this.#store, id);
    // What has no token is compared, too: the time tells nobody which ids there are.
    const wanted = Uint8Array.fromHex(record?.hash ?? hashSecret("00"));
    const same = timingSafeEqual(wanted, Uint8Array.fromHex(hashSecret(secret)));
    if (!record || !same || !this.#isGood(record)) throw new NetsvcError("unauthorized", REFUSED);
    return { check, put: tokens.put({ ...record, uses: record.uses - 1 }, id) };
  }

  #isGood({ uses, expires }: TokenRecord): boolean {
    return uses > 0 && expires > this.#now();
  }

  /** Removes those that ended or were used; refuses more than {@linkcode MAX_TOKENS}. */
  async #sweep(): Promise<void> {
    const all = await tokens.list(this.#store, "tokens/");
    const over = all.filter((token) => !this.#isGood(token));
    for (let at = 0; at < over.length; at += 32) {
      await this.#store.commit({
        deletes: over.slice(at, at + 32).map(({ id }) => tokens.key(id)),
      });
    }
    if (all.length - over.length < MAX_TOKENS) return;
    throw new NetsvcError(
      "exhausted",
      `There are ${MAX_TOKENS} join tokens that are good; remove some with "netsvc cluster token rm", or wait`,
    );
  }
}

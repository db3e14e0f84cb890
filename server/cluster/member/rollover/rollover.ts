/**
 * A voter's part in a change of authorities: looks at what is written down and at its own files, does what is missing,
 * and has the next step begin when all have done this one. Whichever voter is first does that; the others' attempts
 * change nothing.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Mutex } from "../../../../lib/async/mutex.ts";
import { errorChain, isAway, NetsvcError } from "../../../../lib/api/errors.ts";
import { certificatesOf } from "../../../../lib/x509/x509.ts";
import type { Check, Store } from "../../../../kv/store.ts";
import {
  authorityRecords,
  type RolloverRecord,
  rollovers,
  voterFollowed,
} from "../../control/records.ts";
import type { Tokens } from "../../control/tokens.ts";
import { Rounds } from "../../etcd/voters/rounds.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { writeWhole } from "../../files/write_file.ts";
import { beginRollover } from "./begin.ts";
import type { AuthorityKeys } from "../duties.ts";
import {
  readNextKeys,
  removeNextKeys,
  signsWithNext,
  useNextKeys,
  writeNextKeys,
} from "./next_keys.ts";
import { trustsJust, voterHasDone } from "./own_part.ts";
import { hasDone, trustedIn } from "./plan.ts";
import { observeRollover } from "./progress.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Pause between two looks, in milliseconds. */
const ROUND_MS = 1_500;
/**
 * A step begins so long after all have done the one before, in milliseconds: stores take up files that have changed
 * within two seconds.
 */
const SETTLE_MS = 4_000;

/** What {@linkcode Rollover} works with. */
export interface RolloverParts {
  /** Id of this host. */
  self: string;
  /** The public part of the cluster's store, as a voter may write it. */
  store: Pick<Store, "get" | "list" | "commit">;
  tokens: Pick<Tokens, "removeAll">;
  paths: ClusterPaths;
  /** Asks the other voters for the new keys, one after the other. */
  fetchKeys: () => Promise<AuthorityKeys>;
  /** Whether this host's etcd runs with the authorities that its files have. */
  etcdFollows: () => Promise<boolean>;
  /** The authorities that are taken where hosts join. */
  joinCa: () => string | undefined;
  /** Has this voter's own certificates follow the files. */
  certifySelf: () => Promise<void>;
  /** Signs what hosts have asked for. */
  certifyHosts: () => Promise<void>;
  settleMs?: number;
}

/** Follows it. */
export class Rollover implements AsyncDisposable {
  readonly #parts: RolloverParts;
  readonly #rounds = new Rounds(() => this.#look(), ROUND_MS);
  /** A look and a beginning in turn: what is made for a change isn't taken away before that is written down. */
  readonly #turn = new Mutex();
  #told = "";
  /** Whether something may be left of a change: at the beginning nobody knows. */
  #left = true;
  /** Since when all have done a step, by this process's own clock. */
  #complete: { step: string; since: number } | undefined;

  constructor(parts: RolloverParts) {
    this.#parts = parts;
  }

  /** Looks again and again from now on. */
  begin(): void {
    this.#rounds.beginAtOnce();
  }

  /** One look. Never fails. */
  round(): Promise<void> {
    return this.#rounds.run();
  }

  /** The new keys, for another voter. @throws {NetsvcError} `unavailable` where they aren't here */
  async keys(): Promise<AuthorityKeys> {
    const { store, paths } = this.#parts;
    const { record } = await rollovers.get(store);
    const keys = record && await readNextKeys(paths, record.next);
    if (keys) return keys;
    throw new NetsvcError("unavailable", "This voter has no keys of new authorities");
  }

  /** Begins a change, or finds the one that is under way. @throws {NetsvcError} */
  async start(cluster: string): Promise<RolloverRecord> {
    const { store, paths, self } = this.#parts;
    const record = await this.#turn.run(() => beginRollover({ store, paths, cluster, self }));
    void this.round();
    return record;
  }

  async #look(): Promise<void> {
    try {
      await this.#turn.run(() => this.#follow());
      this.#told = "";
    } catch (error) {
      const why = errorChain(error).join(": ");
      if (why !== this.#told) {
        log[isAway(error) ? "debug" : "warn"]("The change of the authority waits: {why}", { why });
      }
      this.#told = why;
    }
  }

  async #follow(): Promise<void> {
    const { record, check } = await rollovers.get(this.#parts.store);
    if (!record) return await this.#clear();
    this.#left = true;
    await this.#work(record);
    if (await this.#hasDone(record)) await this.#tell(record);
    await this.#goOn(record, check);
  }

  /** Does what the step asks of this voter, where it isn't done. */
  async #work(record: RolloverRecord): Promise<void> {
    const { paths, tokens, certifySelf, certifyHosts } = this.#parts;
    const { phase, next } = record;
    const keys = await this.#haveKeys(record);
    // They hold the old authority's fingerprint, and none is made until that is of no use any more.
    if (phase !== "drop") await tokens.removeAll();
    const peers = trustedIn(phase, record).peers;
    if (!trustsJust(await Deno.readTextFile(paths.peerCa), peers)) {
      await writeWhole(paths.peerCa, bundle(peers));
    }
    if (phase !== "sign" && phase !== "drop") return;
    await useNextKeys(paths, { next, keys });
    await certifySelf();
    await certifyHosts();
  }

  async #haveKeys({ next }: RolloverRecord): Promise<AuthorityKeys> {
    const { paths, fetchKeys } = this.#parts;
    const known = await readNextKeys(paths, next);
    if (known) return known;
    const keys = await fetchKeys();
    await writeNextKeys(paths, { next, keys });
    return keys;
  }

  async #hasDone(record: RolloverRecord): Promise<boolean> {
    const { paths, etcdFollows, joinCa } = this.#parts;
    const { ca, peerCa, voterCertificate, peerCertificate } = paths;
    const [authorities, peers, certificate, peer] = await Promise.all(
      [ca, peerCa, voterCertificate, peerCertificate].map((file) => Deno.readTextFile(file)),
    ) as [string, string, string, string];
    return voterHasDone(record, {
      ca: authorities,
      peerCa: peers,
      certificate,
      peerCertificate: peer,
      hasKeys: await readNextKeys(paths, record.next) !== undefined,
      signs: await signsWithNext(paths, record.next),
      etcdFollows: await etcdFollows(),
      joinCa: joinCa(),
    });
  }

  async #tell(record: RolloverRecord): Promise<void> {
    const { store, self } = this.#parts;
    const { id, phase } = record;
    const { record: told, check } = await voterFollowed.get(store, self);
    if (hasDone(record, told)) return;
    await store.commit({
      checks: [check],
      puts: [voterFollowed.put({ rollover: id, phase }, self)],
    });
  }

  /** Begins the next step, when all have done this one. */
  async #goOn(record: RolloverRecord, check: Check): Promise<void> {
    const { store, settleMs = SETTLE_MS } = this.#parts;
    const { next } = await observeRollover(store, record);
    const step = `${record.id} ${record.phase}`;
    if (!next) return void (this.#complete = undefined);
    if (this.#complete?.step !== step) this.#complete = { step, since: performance.now() };
    if (performance.now() - this.#complete.since < settleMs) return;
    const { check: before } = await authorityRecords.get(store);
    const { ok } = await store.commit(
      next === "end" ? { checks: [check], deletes: [check.key] } : {
        checks: [check, before],
        puts: [
          rollovers.put({ ...record, phase: next }),
          authorityRecords.put({ certificates: trustedIn(next, record).hosts }),
        ],
      },
    );
    if (!ok) return;
    log.info(
      next === "end"
        ? "The cluster has another authority now, and knows the old one no more"
        : "The change of the cluster's authority goes on: {phase}",
      { phase: next },
    );
    if (next === "end") await this.#clear();
  }

  /** Nothing is under way: what it has left is removed. */
  async #clear(): Promise<void> {
    if (!this.#left) return;
    const { store, paths } = this.#parts;
    await removeNextKeys(paths);
    const left = [
      ...await store.list("followed/"),
      ...(await store.list("self/")).filter(({ key }) => key.endsWith("/rollover")),
    ].map(({ key }) => key);
    for (let at = 0; at < left.length; at += 32) {
      await store.commit({ deletes: left.slice(at, at + 32) });
    }
    this.#left = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }
}

/** A file of certificates. */
function bundle(all: readonly string[]): string {
  return all.flatMap(certificatesOf).map((pem) => `${pem}\n`).join("");
}

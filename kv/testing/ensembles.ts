/**
 * Conformance: a store of three members, of which some are killed, stand still or are replaced. Three
 * clients write and watch all the time. No write that was confirmed may be lost, none that was said not
 * to have happened may be there, no watch may fall silent, and a write without a quorum fails clearly.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sleep } from "../../lib/async/sleep.ts";
import type { Store } from "../store.ts";
import { pairs, put, until, Viewer, withDeadline } from "./case.ts";

/** Members under test. Disposing of it closes the stores and removes the data. */
export interface Members extends AsyncDisposable {
  /** A client of all members. */
  connect(): Promise<Store>;
  members: readonly {
    start(): Promise<void>;
    launch(): void;
    serves(): Promise<void>;
    stop(signal: Deno.Signal): Promise<void>;
    freeze(): Promise<void>;
    thaw(): void;
  }[];
  /** Which one leads. */
  leader(): Promise<number>;
  /** Puts an empty member in the place of one. */
  replace(index: number): Promise<void>;
  /** Longest time in milliseconds that the store itself takes to find a new leader, with room. */
  election: number;
}

/** Cases by title. */
export type EnsembleCases = Record<string, (subject: Members) => Promise<void>>;

/** Longest time that a call may take, in milliseconds, with some room. */
const CALL_MS = 4500;

/** One client that writes one key after the other. */
class Writer {
  readonly store: Store;
  readonly sure: string[] = [];
  /** Writes of unknown outcome. */
  readonly unsure: string[] = [];
  /** Writes that did not happen. */
  readonly refused: string[] = [];
  readonly #viewer: Viewer;
  readonly #done: Promise<void>;
  #on = true;

  constructor(store: Store, name: string) {
    this.store = store;
    this.#viewer = new Viewer(store, "e/");
    this.#done = this.#write(name);
  }

  async #write(name: string): Promise<void> {
    for (let n = 0; this.#on; n++) {
      const key = `e/${name}/${n}`;
      try {
        await withDeadline(put(this.store, key, name), CALL_MS, "a write");
        this.sure.push(key);
        await sleep(20);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        assert.ok(code === "unavailable" || code === "timeout", String(error));
        assert.doesNotMatch(message, /\n/);
        (code === "timeout" ? this.unsure : this.refused).push(key);
        await sleep(100);
      }
    }
  }

  /** Waits for a write that begins now and succeeds. */
  async writes(within: number): Promise<void> {
    const before = this.sure.length + 1; // One may be under way.
    const writes = until(() => Promise.resolve(this.sure.length > before), "it writes");
    await withDeadline(writes, within, "a write succeeds");
  }

  /** Ends writing and holds what the store and the watch have against what was confirmed. */
  async settle(): Promise<void> {
    this.#on = false;
    await this.#done;
    let last = "";
    await until(() =>
      put(this.store, "e/last", "").then((revision) => {
        last = revision;
        return true;
      }, () => false), "the last write");
    await this.#viewer.until((view) => (view.get("e/last")?.revision ?? "") >= last);
    await this.#viewer[Symbol.asyncDispose]();
    const listed = new Map(pairs(await this.store.list("e/")));
    for (const found of [listed, this.#viewer.view]) {
      for (const key of this.sure) assert.ok(found.has(key), `${key} is lost`);
      for (const key of this.refused) assert.ok(!found.has(key), `${key} is there`);
    }
  }
}

/** Runs a case with three clients that write. */
async function whileWriting(
  subject: Members,
  action: (writers: Writer[]) => Promise<void>,
): Promise<void> {
  const writers: Writer[] = [];
  for (const name of ["a", "b", "c"]) writers.push(new Writer(await subject.connect(), name));
  try {
    for (const writer of writers) await writer.writes(subject.election);
    await action(writers);
  } finally {
    for (const writer of writers) await writer.settle();
  }
}

async function allWrite(writers: Writer[], within: number): Promise<void> {
  await Promise.all(writers.map((writer) => writer.writes(within)));
}

/** Cases with three members. */
export const ensembles: EnsembleCases = {
  "each member in turn is killed, and is back": (subject) =>
    whileWriting(subject, async (writers) => {
      for (let round = 0; round < 3; round++) {
        const index = round === 0 ? await subject.leader() : round;
        await subject.members[index]!.stop("SIGKILL");
        await allWrite(writers, subject.election);
        await subject.members[index]!.start();
        await allWrite(writers, subject.election);
      }
    }),

  "each member in turn stands still": (subject) =>
    whileWriting(subject, async (writers) => {
      for (const member of subject.members) {
        await member.freeze();
        await allWrite(writers, subject.election);
        member.thaw();
        await member.serves();
        await allWrite(writers, subject.election);
      }
    }),

  "members are replaced one after the other": (subject) =>
    whileWriting(subject, async (writers) => {
      for (let index = 0; index < subject.members.length; index++) {
        await subject.replace(index);
        await allWrite(writers, subject.election);
      }
    }),

  "the quorum is lost, and is back": (subject) =>
    whileWriting(subject, async (writers) => {
      const leader = await subject.leader();
      const gone = [leader, (leader + 1) % 3].map((index) => subject.members[index]!);
      for (const member of gone) await member.stop("SIGKILL");
      // What was under way may still have an answer.
      await sleep(4000);
      const counts = writers.map(({ sure }) => sure.length);
      const failed = writers.map(({ refused, unsure }) => refused.length + unsure.length);
      await sleep(6000);
      for (const [i, { sure, refused, unsure }] of writers.entries()) {
        assert.equal(sure.length, counts[i], "nothing is confirmed without a quorum");
        assert.ok(refused.length + unsure.length > failed[i]!, "writes fail");
      }
      for (const member of gone) member.launch();
      for (const member of gone) await member.serves();
      await allWrite(writers, subject.election);
    }),
};

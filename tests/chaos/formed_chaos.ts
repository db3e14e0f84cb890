/**
 * An encrypted cluster of `cluster init` under load, while its daemons, etcds, hosts and links fail at random, keys are
 * changed and backups restored: no acknowledged write may be lost, no address doubled, no name stale, nothing in the
 * clear, and in the end all see the same.
 *
 * @module
 */
import { FormedCluster } from "../harness/formed.ts";
import { Boxes } from "./formed/boxes.ts";
import { wrongs } from "./formed/checks.ts";
import { Chores } from "./formed/chores.ts";
import { type Disaster, strike } from "./formed/disasters.ts";
import { Ledger } from "./formed/ledger.ts";
import { tidy, write } from "./formed/load.ts";
import { Wire } from "./formed/wire.ts";
import { fork, type Random, random } from "./random.ts";

/** A disaster lasts this long at most, beyond what it takes by itself, in milliseconds. */
const MAX_DISASTER_MS = 5_000;
/** After the healing all must be well within this time, in milliseconds. */
const SETTLE_MS = 240_000;
/** Packets that are injected in the clear in a round. */
const INJECTED = 5_000;
/** Services that stay from round to round. */
const KEEP = 60;

/** Options of {@linkcode formedChaos}. */
export interface FormedChaos {
  seed: number;
  rounds: number;
  hosts: number;
  /** Time to live of leases, in seconds; 3 unless given. */
  lease?: number;
  /** No further round begins after this time, in minutes. */
  minutes?: number;
  /** Called with what is happening. */
  say?: (line: string) => void;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs the rounds. @throws when something is wrong, with the seed that replays it */
export async function formedChaos(options: FormedChaos): Promise<void> {
  const { seed, rounds, hosts, minutes = Infinity, lease = 3, say = () => {} } = options;
  const end = performance.now() + minutes * 60_000;
  await using cluster = await FormedCluster.create({
    hosts,
    flags: [`--lease-ttl=${lease}`, "--replace-after=30"],
  });
  await using run = await Run.begin(cluster, options);
  const next = random(seed);
  for (let round = 0; round < rounds && performance.now() < end; round++) {
    await run.round(round, fork(next)).catch((error) => run.explain(error));
  }
  await run.end();
  say(run.summary());
}

/** What is wrong, with the seed that replays it. */
class Failure extends Error {}

/** A run under way. */
class Run implements AsyncDisposable {
  readonly #cluster: FormedCluster;
  readonly #options: FormedChaos;
  readonly #ledger = new Ledger();
  readonly #boxes: Boxes;
  readonly #chores: Chores;
  readonly #directory = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
  /** Milliseconds until the names of hosts that had lost their power were gone. */
  readonly #unnamed: number[] = [];
  readonly #settled: number[] = [];
  #wire: Wire | undefined;

  private constructor(cluster: FormedCluster, options: FormedChaos) {
    this.#cluster = cluster;
    this.#options = options;
    this.#boxes = new Boxes(cluster);
    const parts = { cluster, ledger: this.#ledger, boxes: this.#boxes };
    this.#chores = new Chores({ ...parts, directory: this.#directory });
  }

  static async begin(cluster: FormedCluster, options: FormedChaos): Promise<Run> {
    const run = new Run(cluster, options);
    try {
      run.#wire = await Wire.listen(cluster, await run.#boxes.create());
      await run.#settle("The beginning");
      await run.#chores.begin();
      return run;
    } catch (error) {
      await run[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Load, with a disaster and a chore in it; then rest. */
  async round(round: number, next: Random): Promise<void> {
    const what = `Round ${round}`;
    const { hosts } = this.#cluster;
    let on = true;
    const listeners = await this.#boxes.listen();
    const load = hosts.map((host, n) => {
      const writing = { n, round, next: fork(next), ledger: this.#ledger };
      return write(host, { ...writing, running: () => on });
    });
    const plan = fork(next);
    const chore = this.#chore(round, fork(next)).then((done) => this.#say(`${what}: ${done}`));
    const n = Math.floor(plan() * hosts.length);
    let disaster: Disaster;
    try {
      disaster = await this.#disaster(what, { n, plan });
    } finally {
      on = false;
    }
    const [wrong] = await Promise.all([Promise.all(load), chore]);
    this.#note(what, disaster, wrong.flat());
    await this.#boxes.heard(listeners);
    const ms = await this.#settle(what);
    this.#settled.push(ms);
    await this.#proveWire(what, n);
    await tidy(hosts[n]!, this.#ledger, KEEP);
    this.#say(`${what}: at rest after ${ms} ms; ${this.#ledger.acknowledged} acknowledged`);
  }

  /** A disaster from its beginning to its end, with packets injected in the midst of it. */
  async #disaster(what: string, { n, plan }: { n: number; plan: Random }): Promise<Disaster> {
    const { hosts } = this.#cluster;
    const { lease = 3 } = this.#options;
    await sleep(plan() * 1_000);
    const disaster = await strike({ cluster: this.#cluster, boxes: this.#boxes, n, lease }, plan);
    this.#say(`${what}: ${this.#cluster.name(n)}: ${disaster.what}`);
    await this.#boxes.inject((n + 1) % hosts.length, (n + 2) % hosts.length, INJECTED)
      .catch(() => {}); // Nobody may be there to say where to.
    await sleep(plan() * MAX_DISASTER_MS);
    await disaster.heal();
    return disaster;
  }

  async #chore(round: number, next: Random): Promise<string> {
    await sleep(next() * 2_000);
    return await this.#chores.some(round, next);
  }

  #note(what: string, { wrong, unnamed }: Disaster, answers: string[]): void {
    if (unnamed !== undefined) this.#unnamed.push(unnamed);
    const all = [...answers, ...wrong === undefined ? [] : [wrong]];
    if (all.length > 0) this.#fail(what, all);
  }

  /** Packets in the clear of the encrypted network don't arrive, where others do; and the capture sees what passes. */
  async #proveWire(what: string, n: number): Promise<void> {
    const { hosts } = this.#cluster;
    const to = (n + 1) % hosts.length;
    const listeners = await this.#boxes.listen();
    await this.#boxes.inject(n, to, INJECTED);
    await sleep(200); // Some of the containers' own have passed by then.
    const control = await this.#boxes.heard(listeners);
    const wrong = [
      ...control > 0 ? [] : ["what is injected into the other network doesn't arrive"],
      ...this.#boxes.arrived === 0 ? [] : [`${this.#boxes.arrived} packets in the clear arrived`],
      ...await this.#wire!.alive(n, to) ? [] : ["the capture sees nothing"],
      ...this.#wire!.clear.slice(0, 10).map((line) => `in the clear: ${line}`),
    ];
    if (wrong.length > 0) this.#fail(what, wrong);
  }

  /** Waits until nothing is wrong. @returns how long it took, in milliseconds */
  async #settle(what: string): Promise<number> {
    const subject = { cluster: this.#cluster, ledger: this.#ledger, boxes: this.#boxes };
    const begun = performance.now();
    for (;;) {
      const wrong = await (async () => {
        const done = await this.#chores.finish();
        if (done !== "") this.#say(`${what}: ${done}, at last`);
        await this.#boxes.mend();
        return await wrongs(subject);
      })().catch((error) => [String(error)]);
      const took = Math.round(performance.now() - begun);
      if (wrong.length === 0) return took;
      if (took > SETTLE_MS) this.#fail(what, wrong);
      await sleep(300);
    }
  }

  /** All hosts have changed their keys, if they were asked to. */
  async end(): Promise<void> {
    const begun = performance.now();
    for (;;) {
      const wrong = await this.#chores.oldKeys().catch((error) => [String(error)]);
      if (wrong.length === 0) return;
      if (performance.now() - begun > SETTLE_MS) this.#fail("The end", wrong);
      await sleep(500);
    }
  }

  /** What happened, in figures. */
  summary(): string {
    const { injected, arrived, sealed } = this.#boxes;
    const most = (values: number[]) =>
      values.length === 0 ? "none" : `${Math.round(Math.max(...values))} ms at most`;
    return [
      `${this.#ledger.acknowledged} writes acknowledged, none lost`,
      `${this.#chores.rotations} changes of keys, ${this.#chores.restores} restores`,
      `${
        this.#wire!.clear.length
      } packets in the clear, ${sealed} of the encrypted network received`,
      `${injected} injected in the clear, ${arrived} arrived`,
      `names of ${this.#unnamed.length} hosts without power gone after ${most(this.#unnamed)}`,
      `at rest after ${most(this.#settled)}`,
    ].join("\n");
  }

  #say(line: string): void {
    this.#options.say?.(line);
  }

  /** Tells what the daemons logged, of an error that doesn't. */
  explain(error: unknown): never {
    if (error instanceof Failure) throw error;
    return this.#fail("A round", [error instanceof Error ? String(error.stack) : String(error)]);
  }

  #fail(what: string, wrong: string[]): never {
    const { seed, hosts } = this.#options;
    throw new Failure(
      `${what} of seed ${seed}:\n${wrong.slice(0, 20).join("\n")}\n` +
        `Replay: ./task chaos --cluster init --hosts ${hosts} --seed ${seed}\n` +
        this.#cluster.logs(80),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire?.stop();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/**
 * The backups that a voter makes by itself, every hour; the last day of them is kept.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, isAway } from "../../../../lib/api/errors.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Time between two, in milliseconds. */
const HOUR_MS = 3_600_000;
/** The first one is of a store where nothing is yet: the second comes sooner, in milliseconds. */
const SOON_MS = 300_000;
/** How many are kept. */
export const KEPT = 24;
/** How often is looked whether one is due, in milliseconds. */
const LOOK_MS = 60_000;
const NAME = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)\.netsvc$/;

/** A snapshot. */
export interface Snapshot {
  path: string;
  /** When it was made, in milliseconds since 1970. */
  time: number;
}

/** What {@linkcode Snapshots} works with. */
export interface SnapshotsOptions {
  directory: string;
  /** Writes one. */
  write: (path: string) => Promise<unknown>;
  now?: () => number;
}

/** Makes them. */
export class Snapshots implements AsyncDisposable {
  readonly #options: SnapshotsOptions;
  #timer: number | undefined;
  #making: Promise<void> | undefined;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Makes one whenever it is due from now on. */
  begin(): void {
    this.#timer ??= setInterval(() => void this.round(), LOOK_MS);
    void this.round();
  }

  /** Those that are there, the newest first. */
  async list(): Promise<Snapshot[]> {
    const { directory } = this.#options;
    const found: Snapshot[] = [];
    try {
      for await (const { name } of Deno.readDir(directory)) {
        const time = NAME.exec(name)?.[1];
        if (time === undefined) continue;
        found.push({ path: `${directory}/${name}`, time: parseTime(time) });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return found.sort((a, b) => b.time - a.time);
  }

  /** Makes one where it is due, and removes those that are too many. Never fails. */
  round(): Promise<void> {
    return this.#making ??= this.#make().catch((error) => {
      // Without a store there is nothing to keep; it is told elsewhere.
      if (isAway(error)) return;
      log.error("Cannot make a snapshot of the store: {why}", {
        why: errorChain(error).join(": "),
      });
    }).finally(() => this.#making = undefined);
  }

  /** Makes one now, beside those of the hours. @throws what writing it does */
  async make(): Promise<void> {
    await this.#making;
    await (this.#making = this.#write().finally(() => this.#making = undefined));
  }

  async #make(): Promise<void> {
    const { now = Date.now } = this.#options;
    const all = await this.list();
    const time = now();
    const last = all[0]?.time ?? 0;
    const soon = all.length === 1 && time - last >= SOON_MS;
    // The one that came soon doesn't shift the hours.
    const hour = all.length === 2 ? all[1]!.time : last;
    // One from the future is of a clock that was wrong: it doesn't hold up the next one.
    if (!soon && time - hour < HOUR_MS && last <= time) return;
    await this.#write();
  }

  async #write(): Promise<void> {
    const { directory, write, now = Date.now } = this.#options;
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    await removeUnfinished(directory);
    await write(`${directory}/${formatTime(now())}.netsvc`);
    for (const { path } of (await this.list()).slice(KEPT)) await Deno.remove(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#making;
  }
}

/** What a daemon that was killed has left. */
async function removeUnfinished(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (name.endsWith(".part")) await Deno.remove(`${directory}/${name}`);
  }
}

function formatTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
}

function parseTime(text: string): number {
  const [day, clock] = text.slice(0, -1).split("T") as [string, string];
  return Date.parse(`${day}T${clock.replaceAll("-", ":")}Z`);
}

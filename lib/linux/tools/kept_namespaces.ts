/**
 * The processes that stay between batches: in the host's namespace, and in those of netsvc's own, as overlays have
 * them: in few of these at a time, not for long, and in none that is being closed. Each keeps its namespace alive, so
 * they are looked at once a second.
 *
 * @module
 */
import { namespaceNumber } from "../namespaces/namespace_identity.ts";
import type { KeptEntriesOptions } from "./kept_entries.ts";
import { KeptTools } from "./kept_tools.ts";
import type { Processes } from "./processes.ts";

/** Namespaces with idle processes, at most: the one that was used longest ago makes room. */
const MAX_KEPT = 8;
/** Time since its last batch for which none makes room, in milliseconds: others' batches get a process each then. */
const BUSY_MS = 1_000;
/** Time without a batch after which a namespace's processes are ended, in milliseconds. */
const KEPT_MS = 30_000;
/** Interval of looking whether the namespaces are still there, in milliseconds. */
const LOOK_MS = 1_000;

/** What stays in a namespace. */
interface Kept {
  tools: KeptTools;
  /** The namespace's number: no other one has that while a process lives in it. */
  number: string;
  used: number;
}

/** Processes in the host's namespace, and in those of netsvc's own by their paths. */
export class KeptNamespaces {
  readonly #processes: Processes;
  readonly #byProcess: KeptEntriesOptions["byProcess"];
  readonly #home: KeptTools;
  /** Paths where processes may stay. */
  readonly #own = new Set<string>();
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  #timer: number | undefined;
  #closed: boolean;

  /** @param keep whether any stays between batches */
  constructor(
    processes: Processes,
    { keep, byProcess }: { keep: boolean } & Pick<KeptEntriesOptions, "byProcess">,
  ) {
    this.#processes = processes;
    this.#byProcess = byProcess;
    this.#home = new KeptTools(processes, { byProcess });
    this.#closed = !keep;
  }

  /** Whether none stays anywhere. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Number of namespaces of netsvc's own with processes. */
  get size(): number {
    return this.#kept.size;
  }

  /** Lets processes stay in a namespace, until {@linkcode letGo}. */
  allow(path: string): void {
    this.#own.add(path);
  }

  /** The tools that stay in a namespace, the host's unless given; `undefined` where none may. */
  of(path?: string): KeptTools | undefined {
    if (path === undefined) return this.#closed ? undefined : this.#home;
    if (this.#closed || !this.#own.has(path)) return undefined;
    const number = namespaceNumber(path);
    const known = this.#kept.get(path);
    if (known && known.number !== number) this.#drop(path);
    if (number === undefined || !this.#hasRoom(path)) return undefined;
    const tools = this.#kept.get(path)?.tools ??
      new KeptTools(this.#processes, { namespace: path, byProcess: this.#byProcess });
    this.#kept.delete(path);
    this.#kept.set(path, { tools, number, used: performance.now() });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    return tools;
  }

  /** Whether a namespace has processes, or may have some: the bound is one of processes at work, too. */
  #hasRoom(path: string): boolean {
    if (this.#kept.has(path) || this.#kept.size < MAX_KEPT) return true;
    const [oldest] = this.#kept;
    if (!oldest || performance.now() - oldest[1].used < BUSY_MS) return false;
    this.#drop(oldest[0]);
    return true;
  }

  #look(): void {
    const now = performance.now();
    for (const [path, { number, used }] of [...this.#kept]) {
      if (now - used > KEPT_MS || namespaceNumber(path) !== number) this.#drop(path);
    }
    if (this.#kept.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The end takes a moment, which only the close of the runner waits for. */
  #drop(path: string): void {
    this.#processes.mind(this.#end(path));
  }

  async #end(path: string): Promise<void> {
    const kept = this.#kept.get(path);
    this.#kept.delete(path);
    await kept?.tools.end();
  }

  /** Ends what is idle in a namespace that is being closed, and lets nothing stay there any more. */
  async letGo(path: string): Promise<void> {
    this.#own.delete(path);
    await this.#end(path);
  }

  /** Ends the idle ones: what they know of links may be outdated. */
  async forget(): Promise<void> {
    const all = [this.#home, ...[...this.#kept.values()].map(({ tools }) => tools)];
    await Promise.all(all.map((tools) => tools.forget()));
  }

  /** Keeps none from now on; the host's idle ones end by {@linkcode forget}. */
  retire(): void {
    this.#closed = true;
    this.#home.retire();
    for (const path of [...this.#kept.keys()]) this.#drop(path);
    clearInterval(this.#timer);
  }
}

/**
 * Changes of nftables in one namespace: by the library, which stays open there, or by a process for each where
 * there is no such library.
 *
 * @module
 */
import { deadline } from "../../async/deadline.ts";
import { Mutex } from "../../async/mutex.ts";
import { type Processes, TIMEOUT_MS } from "../tools/processes.ts";
import { findProgram } from "../tools/tools.ts";
import { nftRun, type Run, ToolError } from "../tools/tool_error.ts";
import { checkScript } from "../tools/wall.ts";
import { libnftables, type NftHandle, openHandle, runCommands } from "./libnftables.ts";

/** The library promises nothing about two threads in it: one command at a time, of all namespaces. */
const turns = new Mutex();
/** A command hasn't returned: the library can't be used any more. */
let stuck = false;

/** Options of {@linkcode NftSession}. */
export interface SessionOptions {
  /** Path of its namespace; the host's unless given. */
  namespace: () => string | undefined;
  /** Runs a script by a process. */
  byProcess: (run: Run) => Promise<unknown>;
  /** Whether the library may stay open. */
  mayStay: () => boolean;
  /** All that are open; it adds and removes itself. */
  opened: Set<NftSession>;
}

/** An open handle, and the namespace that it is in. */
interface Open {
  handle: NftHandle;
  namespace: string;
}

/** Changes in one namespace. */
export class NftSession {
  readonly #processes: Processes;
  readonly #options: SessionOptions;
  #open: Open | undefined;

  constructor(processes: Processes, options: SessionOptions) {
    this.#processes = processes;
    this.#options = options;
  }

  /** Whether a handle is open, which keeps the namespace alive. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Runs a script of nft(8) as one transaction. @throws {ToolError} with nft's own words */
  async run(script: string): Promise<void> {
    if (script === "") return;
    checkScript(script);
    const namespace = this.#options.namespace();
    const run = nftRun(script, namespace);
    const handle = this.#handle(namespace);
    if (!handle) return void await this.#options.byProcess(run);
    await this.#processes.timed("nft", () => this.#inTime(run, turns.run(() => call(run, handle))));
  }

  async #inTime(run: Run, called: Promise<void>): Promise<void> {
    const error = () => {
      stuck = true;
      return new ToolError(run, `no answer within ${TIMEOUT_MS / 1000} s`);
    };
    await deadline(called, TIMEOUT_MS, { error });
  }

  /** The handle, opened at the first change, and again where the path leads to another namespace by now. */
  #handle(namespace: string | undefined): NftHandle | undefined {
    const library = this.#options.mayStay() && !stuck ? libnftables() : undefined;
    if (!library) return undefined;
    const now = this.#processes.identity(namespace);
    if (this.#open?.namespace !== now) {
      void this.close();
      // Without nft(8) the rules can't be read, so the library must not change them either.
      if (findProgram("nft") === undefined) return undefined;
      const handle = this.#processes.within(namespace, () => openHandle(library));
      if (!handle) return undefined;
      this.#open = { handle, namespace: now };
      this.#options.opened.add(this);
    }
    return this.#open?.handle;
  }

  /** Closes the handle, so that the namespace can end; resolves when closed. The next change opens a new one. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#options.opened.delete(this);
    if (!open || stuck) return;
    const freed = turns.run(async () => await libnftables()?.nft_ctx_free(open.handle));
    this.#processes.mind(freed);
    await freed;
  }
}

async function call(run: Run, handle: NftHandle): Promise<void> {
  const library = libnftables()!;
  const failure = await runCommands({ library, handle }, run.script!);
  if (failure !== undefined) throw new ToolError(run, failure);
}

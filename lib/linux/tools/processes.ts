/**
 * The processes of the tools that program the kernel: each in its namespace, some at a time, none for
 * longer than it may take.
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";
import { inNamespace } from "../namespaces/namespace.ts";
import { namespaceNumber } from "../namespaces/namespace_identity.ts";
import { startChild } from "../processes/child.ts";
import { NETWORK_TOOLS } from "./tools.ts";
import { type Run, type Tool, ToolError } from "./tool_error.ts";

/** A call that takes longer is killed, in milliseconds. */
export const TIMEOUT_MS = 15_000;
/** Processes at once; more wait. */
const MAX_AT_ONCE = 8;

/** Options of {@linkcode Processes}. */
export interface ProcessOptions {
  /** Path of the namespace that counts as the host's; the process's own unless given. */
  home?: string;
  /** Called after each run, with its time in milliseconds. */
  onRun?: (tool: Tool, ms: number) => void;
  /** Called before each start of a process: most runs need none. */
  onSpawn?: (tool: Tool) => void;
}

/** One of the places for concurrent processes. */
export interface Place {
  /** Gives it to the next in line. */
  leave(): void;
}

/** The processes of one host. */
export class Processes {
  readonly #options: ProcessOptions;
  readonly #queue: (() => void)[] = [];
  #running = 0;
  /** Runs under way; some have no other waiter any more. */
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  /** Whether any process is at work. */
  get busy(): boolean {
    return this.#running > 0;
  }

  /** Runs a synchronous action in a namespace; the host's unless given. */
  within<T>(namespace: string | undefined, action: () => T): T {
    const path = namespace ?? this.#options.home;
    return path === undefined ? action() : inNamespace(path, action);
  }

  /** Does what takes a process, when there is a place for one. */
  inTurn<T>(tool: Tool, action: () => Promise<T>): Promise<T> {
    const mine = this.#wait(tool, action);
    this.mind(mine);
    return mine;
  }

  /** Does what takes no process, but counts as a run. */
  timed<T>(tool: Tool, action: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const mine = action().finally(() => this.#options.onRun?.(tool, performance.now() - start));
    this.mind(mine);
    return mine;
  }

  /** Identity of a namespace among all live ones; the host's unless given. */
  identity(namespace: string | undefined): string {
    const path = namespace ?? this.#options.home;
    return path === undefined ? "own" : namespaceNumber(path) ?? "gone";
  }

  /** Adds a promise to the work that the end waits for; its failure is ignored. */
  mind(slow: Promise<unknown>): void {
    const ended: Promise<unknown> = slow.catch(() => {})
      .finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
  }

  /** Waits for all runs under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #wait<T>(tool: Tool, action: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_AT_ONCE) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else this.#running++;
    const place = this.#place(tool);
    try {
      return await action();
    } finally {
      place.leave();
    }
  }

  #place(tool: Tool): Place {
    const start = performance.now();
    return {
      leave: () => {
        this.#options.onRun?.(tool, performance.now() - start);
        const next = this.#queue.shift();
        if (next) next();
        else this.#running--;
      },
    };
  }

  /** Takes a place at once where half of them are free. */
  tryTake(tool: Tool): Place | undefined {
    if (this.#running >= MAX_AT_ONCE / 2) return undefined;
    this.#running++;
    return this.#place(tool);
  }

  /**
   * Starts a tool.
   *
   * @param stdout whether what it prints is read
   * @throws {NetsvcError} `unsupported` when it is missing
   */
  spawn(run: Run, stdout: "piped" | "null" = "piped"): Deno.ChildProcess {
    this.#options.onSpawn?.(run.tool);
    try {
      return this.within(run.namespace, () =>
        startChild(run.tool, {
          args: run.args,
          stdin: run.script === undefined ? "null" : "piped",
          stdout,
          stderr: "piped",
        }));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NetsvcError(
        "unsupported",
        `The tool "${run.tool}" is missing; install it: apt-get install ${
          NETWORK_TOOLS[run.tool].package
        }`,
      );
    }
  }
}

/** Gives a tool its input and waits for its output. @throws {ToolError} when it fails */
export async function outputOf(run: Run, child: Deno.ChildProcess): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  try {
    if (run.script !== undefined) await feed(child, run.script);
    const { success, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    if (!success) throw new ToolError(run, decoder.decode(stderr));
    return decoder.decode(stdout);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes a tool's input; one that has failed already doesn't read it, and reports why itself. */
async function feed(child: Deno.ChildProcess, script: string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(script));
    await writer.close();
  } catch (error) {
    // A stream that broke between the two calls throws a TypeError.
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
  }
}

/**
 * Runs the tools that program the kernel: all that drivers start. One process per
 * namespace and step, its commands on standard input.
 *
 * @module
 */
import { startChild } from "../processes/child.ts";
import { existsSync } from "node:fs";
import { NetsvcError } from "../../api/errors.ts";
import { NETWORK_TOOLS } from "./tools.ts";
import { BATCH_ARGS, BatchProcess } from "./batch_process.ts";
import { inNamespace } from "../namespaces/namespace.ts";
import { checkArguments, checkLines, checkScript } from "./wall.ts";

/** A tool that drivers call. */
export type Tool = keyof typeof NETWORK_TOOLS;

/** A call that takes longer is killed, in milliseconds. */
const TIMEOUT_MS = 15_000;
/** Processes at once; more wait. */
const MAX_AT_ONCE = 8;
/** Processes that stay for the next batch, and for how long without one, in milliseconds. */
const MAX_KEPT = 2, KEPT_MS = 30_000;

/** Options of {@linkcode Runner}. */
export interface RunnerOptions {
  /** Path of the namespace that counts as the host's; the process's own unless given. */
  home?: string;
  /** Called after each run, with its time in milliseconds. */
  onRun?: (tool: Tool, ms: number) => void;
  /** Whether `ip` stays between batches in the host's namespace; the runner has to be closed then. */
  keep?: boolean;
}

/** A process that is spawned, or will be, and waits for its batch. */
export interface Prepared {
  /** Its namespace as ip-link(8) is told it: where it is spawned already, the id of the process. */
  readonly netns: string;
  /** Runs the batch, once. @throws {ToolError} when it fails */
  ip(lines: string[]): Promise<void>;
  /** Ends it without one. */
  cancel(): Promise<void>;
}

/** One call. */
export interface Run {
  tool: Tool;
  args: string[];
  /** Lines for its standard input. */
  script?: string;
  /** Path of the namespace to run in; the host's unless given. */
  namespace?: string;
}

/** A tool failed: `stderr` is its own words. */
export class ToolError extends NetsvcError {
  readonly stderr: string;

  constructor(run: Run, stderr: string) {
    const said = stderr.trim().replaceAll(/\s*\n\s*/g, "; ").slice(0, 500) || "no reason given";
    super("kernel", `Cannot program the network with ${run.tool}: ${said}`, {
      ...run.script !== undefined && {
        cause: new Error(
          `${run.tool} ${run.args.join(" ")} was given: ${run.script.slice(0, 500)}`,
        ),
      },
    });
    this.stderr = stderr;
  }
}

/** Runs tools in namespaces. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #queue: (() => void)[] = [];
  #running = 0;
  /** Runs that are under way; some of them nobody else waits for any more. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Those that wait for a batch, the last one used last. */
  readonly #kept: BatchProcess[] = [];
  #keptTimer: number | undefined;
  #closed = false;

  constructor(options: RunnerOptions = {}) {
    this.#options = options;
  }

  /** Runs a synchronous action in a namespace; the host's unless given. */
  within<T>(namespace: string | undefined, action: () => T): T {
    const path = namespace ?? this.#options.home;
    return path === undefined ? action() : inNamespace(path, action);
  }

  /** Runs a tool and gives its output. @throws {ToolError} when it fails */
  async run(run: Run): Promise<string> {
    checkRun(run);
    return await this.#inTurn(run.tool, () => this.#output(run, this.#spawn(run)));
  }

  #inTurn<T>(tool: Tool, action: () => Promise<T>): Promise<T> {
    const mine = this.#wait(tool, action);
    const entry = mine.catch(() => {}).finally(() => this.#underWay.delete(entry));
    this.#underWay.add(entry);
    return mine;
  }

  async #wait<T>(tool: Tool, action: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_AT_ONCE) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else this.#running++;
    const start = performance.now();
    try {
      return await action();
    } finally {
      this.#options.onRun?.(tool, performance.now() - start);
      this.#next();
    }
  }

  /** The place goes to the next in line, or is free. */
  #next(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#running--;
  }

  #spawn(run: Run): Deno.ChildProcess {
    try {
      return this.within(run.namespace, () =>
        startChild(run.tool, {
          args: run.args,
          stdin: run.script === undefined ? "null" : "piped",
          stdout: "piped",
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

  async #output(run: Run, child: Deno.ChildProcess): Promise<string> {
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

  /**
   * Spawns `ip` for a batch that isn't known, or can't be run, yet: what comes before it takes as long as
   * its start. Where many processes run, it is spawned when it is needed.
   */
  prepare(namespace: string): Prepared {
    if (this.#running >= MAX_AT_ONCE / 2) {
      const ip = (lines: string[]) => this.ip(lines, namespace);
      return { ip, netns: namespace, cancel: () => Promise.resolve() };
    }
    const run = { ...batch("ip", []), namespace };
    const child = this.#spawn(run);
    this.#running++;
    const start = performance.now();
    const end = async (lines: string[]) => {
      const fault = faultOf(() => checkLines("ip", lines));
      try {
        await this.#output({ ...run, ...batch("ip", fault ? [] : lines) }, child);
        if (fault) throw fault;
      } finally {
        this.#options.onRun?.("ip", performance.now() - start);
        this.#next();
      }
    };
    // A namespace of iproute2's that has this name would go before the process.
    const netns = existsSync(`/run/netns/${child.pid}`) ? namespace : String(child.pid);
    return { ip: end, netns, cancel: () => end([]).catch(() => {}) };
  }

  /** Runs lines of ip-batch(8). */
  async ip(lines: string[], namespace?: string): Promise<void> {
    if (lines.length === 0) return;
    checkLines("ip", lines);
    // A process that stays would hold other namespaces, where it is and those that it is told paths of.
    const holds = namespace !== undefined || lines.some((line) => line.includes(" netns /"));
    if (this.#options.keep && !holds && !this.#closed) {
      await this.#inTurn("ip", () => this.#runKept(lines));
    } else await this.#batch("ip", lines, namespace);
  }

  /** Runs lines of bridge(8). */
  bridge(lines: string[], namespace?: string): Promise<void> {
    return this.#batch("bridge", lines, namespace);
  }

  async #batch(tool: "ip" | "bridge", lines: string[], namespace?: string): Promise<void> {
    if (lines.length === 0) return;
    checkLines(tool, lines); // One by one: joined, two lines in one look like two.
    await this.run({ ...batch(tool, lines), ...namespace !== undefined && { namespace } });
  }

  async #runKept(lines: string[]): Promise<void> {
    let kept = this.#kept.pop();
    while (kept && !kept.live) { // Somebody has ended it.
      await kept.close();
      kept = this.#kept.pop();
    }
    const run: Run = { ...batch("ip", lines), args: BATCH_ARGS };
    kept ??= new BatchProcess(this.#spawn(run));
    const { used } = kept;
    const result = await kept.run(lines, TIMEOUT_MS);
    if (!result.ok && used && isForgotten(result.stderr)) {
      return await this.#runKept(lines.slice(result.done));
    }
    if (!result.ok) throw new ToolError(run, result.stderr);
    if (this.#closed || this.#kept.length >= MAX_KEPT) return await kept.close();
    this.#kept.push(kept);
    this.#keptTimer ??= setTimeout(() => this.forget(), KEPT_MS);
  }

  /** Ends the processes that wait for a batch: they don't know what others did to links meanwhile. */
  async forget(): Promise<void> {
    clearTimeout(this.#keptTimer);
    this.#keptTimer = undefined;
    await Promise.all(this.#kept.splice(0).map((kept) => kept.close()));
  }

  /** Something slow that nobody waits for before this runner is closed; its failure is nobody's. */
  afterwards(slow: Promise<unknown>): void {
    const ended: Promise<unknown> = slow.catch(() => {}).finally(() =>
      this.#underWay.delete(ended)
    );
    this.#underWay.add(ended);
  }

  /** Ends what stays between batches, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#underWay);
    await this.forget();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs a script of nft(8) as one transaction. */
  async nft(script: string, namespace?: string): Promise<void> {
    if (script === "") return;
    await this.run({
      ...{ tool: "nft", args: ["-f", "-"], script },
      ...namespace !== undefined && { namespace },
    });
  }

  /** Output of a tool that speaks JSON. */
  async json<T>(tool: "ip" | "bridge" | "nft", args: string[], namespace?: string): Promise<T> {
    const text = await this.run({
      tool,
      args: ["-j", ...args],
      ...namespace !== undefined && { namespace },
    });
    return JSON.parse(text.trim() || "[]") as T;
  }
}

/** What an action throws. */
function faultOf(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Nothing is run that could be more than what it says. @throws {NetsvcError} `internal` */
function checkRun({ tool, args, script }: Run): void {
  checkArguments(tool, args);
  if (script === undefined) return;
  if (tool === "nft") checkScript(script);
  else if (tool === "ip" || tool === "bridge") {
    checkLines(tool, script.split("\n").slice(0, -1));
  }
}

/** A run of lines in batch mode. */
function batch(tool: "ip" | "bridge", lines: string[]): Run {
  return { tool, args: ["-batch", "-"], script: lines.map((line) => `${line}\n`).join("") };
}

/**
 * Whether `ip` didn't find a link, which it may have known by its index: one of the same name is
 * another link when somebody has deleted it and made it again. An unknown master is an invalid argument.
 */
function isForgotten(stderr: string): boolean {
  return /No such device|Cannot find device|Invalid argument/.test(stderr);
}

/** Writes a tool's input; one that has failed already doesn't read it, and says why by itself. */
async function feed(child: Deno.ChildProcess, script: string): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(script));
    await writer.close();
  } catch (error) {
    // A stream that broke between the two calls tells by a TypeError.
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
  }
}

/**
 * Runs the tools that program the kernel: all that drivers start. One process per
 * namespace and step, its commands on standard input.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { sleep } from "../../async/sleep.ts";
import { batches, isByIndex, namesNamespace } from "../net/ip_batch.ts";
import type { NetOp } from "../net/ops.ts";
import { NftSession } from "../nft/nft_session.ts";
import { linesText } from "./kept_batches.ts";
import { KeptNamespaces } from "./kept_namespaces.ts";
import type { InsideProcess } from "./inside_process.ts";
import { InsideProcesses } from "./inside_processes.ts";
import { outputOf, type Place, Processes, type ProcessOptions, TIMEOUT_MS } from "./processes.ts";
import { nftRun, type Run, ToolError } from "./tool_error.ts";
import { checkArguments, checkLines, checkScript } from "./wall.ts";

/** When a new sandbox gets its process: whoever waits for the sandbox has it by then. In milliseconds. */
const READY_MS = 20;

/** Options of {@linkcode Runner}. */
export interface RunnerOptions extends ProcessOptions {
  /** Whether `ip` and `bridge` stay between batches; the runner has to be closed then. */
  keep?: boolean;
}

/** A process that is spawned, or will be, and waits for its batch. */
export interface Prepared {
  /** Its namespace as an argument of ip-link(8): the process's id where that is spawned already. */
  readonly netns: string;
  /** Whether it stayed from an earlier batch, so that somebody may have ended it meanwhile. */
  readonly kept: boolean;
  /**
   * Carries out operations on addresses, routes and links, once, and goes on past one that fails. The process stays
   * where they name all links by their index.
   *
   * @throws {ToolError}
   */
  apply(ops: readonly NetOp[]): Promise<void>;
  /** Gives it back without one. */
  cancel(): void;
}

/** Runs tools in namespaces. */
export class Runner {
  readonly #processes: Processes;
  readonly #kept: KeptNamespaces;
  readonly #inside: InsideProcesses;
  /** Those that are open. */
  readonly #sessions = new Set<NftSession>();

  constructor(options: RunnerOptions = {}) {
    this.#processes = new Processes(options);
    const keep = options.keep ?? false;
    this.#kept = new KeptNamespaces(this.#processes, { keep, byProcess: (run) => this.run(run) });
    this.#inside = new InsideProcesses(this.#processes, keep);
  }

  /** Runs a synchronous action in a namespace; the host's unless given. */
  within<T>(namespace: string | undefined, action: () => T): T {
    return this.#processes.within(namespace, action);
  }

  /** Runs a tool and gives its output. @throws {ToolError} when it fails */
  async run(run: Run): Promise<string> {
    checkRun(run);
    return await this.#processes.inTurn(
      run.tool,
      () => outputOf(run, this.#processes.spawn(run)),
    );
  }

  /**
   * Carries out operations in their order, up to the first that fails.
   *
   * @param namespace path of the namespace; the host's unless given
   * @throws {ToolError} with the kernel's answer
   */
  async apply(ops: readonly NetOp[], namespace?: string): Promise<void> {
    // A kept process would keep namespaces alive that it opened by their paths.
    const mayStay = !ops.some(namesNamespace);
    for (const { tool, lines } of batches(ops)) {
      checkLines(tool, lines); // One by one: joined, two lines in one look like two.
      const kept = mayStay ? this.#kept.of(namespace) : undefined;
      if (kept) await this.#processes.timed(tool, () => kept.run({ tool, lines }));
      else {await this.run({
          ...batchRun(tool, lines),
          ...namespace !== undefined && { namespace },
        });}
    }
  }

  /**
   * Gives `ip` in a sandbox, ahead of its batch: one that stayed from the last batch, or else a new one, whose start
   * takes as long as the work before the batch. Where many processes run, it is spawned when it is needed.
   *
   * @param fresh a new one in any case
   */
  prepare(namespace: string, { fresh = false }: { fresh?: boolean } = {}): Prepared {
    const kept = fresh ? undefined : this.#inside.take(namespace);
    if (kept) return this.#prepared(namespace, kept);
    const place = this.#processes.tryTake("ip");
    if (!place) {
      const apply = (ops: readonly NetOp[]) => this.apply(ops, namespace);
      return { apply, netns: namespace, kept: false, cancel: () => {} };
    }
    try {
      return this.#prepared(namespace, this.#inside.spawn(namespace), place);
    } catch (error) {
      place.leave();
      throw error;
    }
  }

  /** @param place of a process that was spawned just now */
  #prepared(namespace: string, process: InsideProcess, place?: Place): Prepared {
    const cancel = () => {
      place?.leave();
      this.#inside.put(namespace, process);
    };
    const apply = async (ops: readonly NetOp[]) => {
      let lines: string[];
      try {
        lines = checkedLines(ops);
      } catch (error) {
        cancel();
        throw error;
      }
      const running = process.run(lines, TIMEOUT_MS);
      const result = place ? await running : await this.#processes.timed("ip", () => running);
      // One that knows links by their names would take a later one for them.
      if (!ops.every(isByIndex)) process.kill();
      cancel();
      if (result.ok) return;
      // Somebody has ended it since its last batch. What it did of this one can be done twice.
      if (result.why === "ended" && !place) return await this.apply(ops, namespace);
      throw new ToolError({ ...batchRun("ip", lines), namespace }, result.stderr);
    };
    // A namespace of iproute2's that has this name would go before the process.
    const { pid } = process;
    const netns = existsSync(`/run/netns/${pid}`) ? namespace : String(pid);
    return { apply, netns, kept: place === undefined, cancel };
  }

  /** Starts `ip` in a sandbox that was just made, for its first attachment, if nothing else is going on by then. */
  getReady(namespace: string): void {
    if (!this.#inside.hasRoom(namespace)) return;
    this.afterwards((async () => {
      await sleep(READY_MS);
      if (!this.#processes.busy) this.#inside.getReady(namespace);
    })());
  }

  /** Lets `ip` and `bridge` stay in a namespace of netsvc's own, where nobody else is, until {@linkcode letGo}. */
  stayIn(namespace: string): void {
    this.#kept.allow(namespace);
  }

  /** Ends what stays in a namespace that is being closed, and would keep it alive. */
  async letGo(namespace: string): Promise<void> {
    await Promise.all([this.#inside.letGo(namespace), this.#kept.letGo(namespace)]);
  }

  /** Ends the processes that wait for a batch: they don't know what others did to links meanwhile. */
  async forget(): Promise<void> {
    await this.#kept.forget();
  }

  /** Hands over slow work that only the close of this runner waits for; its failure is ignored. */
  afterwards(slow: Promise<unknown>): void {
    this.#processes.mind(slow);
  }

  /** Ends what stays between batches, and waits for what is under way. */
  async close(): Promise<void> {
    this.#kept.retire();
    this.#inside.retire();
    await this.#processes.idle();
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await this.#processes.idle();
    await this.forget();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs a script of nft(8) as one transaction, by a process. */
  async nft(script: string, namespace?: string): Promise<void> {
    if (script !== "") await this.run(nftRun(script, namespace));
  }

  /** Changes of nftables in the namespace at a path, the host's unless given, one after the other. */
  nftSession(namespace: () => string | undefined = () => undefined): NftSession {
    return new NftSession(this.#processes, {
      namespace,
      byProcess: (run) => this.run(run),
      mayStay: () => !this.#kept.closed,
      opened: this.#sessions,
    });
  }

  /** Output of a tool that speaks JSON. */
  async json<T>(tool: "ip" | "bridge" | "nft", args: string[], namespace?: string): Promise<T> {
    const run: Run = { tool, args: ["-j", ...args] };
    const text = await this.run({ ...run, ...namespace !== undefined && { namespace } });
    return JSON.parse(text.trim() || "[]") as T;
  }
}

/** Lines of ip-batch(8) for a process that is spawned already. @throws {NetsvcError} `internal` */
function checkedLines(ops: readonly NetOp[]): string[] {
  const lines = batches(ops).flatMap((batch) => batch.lines);
  checkLines("ip", lines);
  return lines;
}

/** Refuses a line that could be more than the one command. @throws {NetsvcError} `internal` */
function checkRun({ tool, args, script }: Run): void {
  checkArguments(tool, args);
  if (script === undefined) return;
  if (tool === "nft") checkScript(script);
  else if (tool === "ip" || tool === "bridge") {
    checkLines(tool, script.split("\n").slice(0, -1));
  }
}

/** A run of lines in batch mode. */
function batchRun(tool: "ip" | "bridge", lines: string[]): Run {
  return { tool, args: ["-batch", "-"], script: linesText(lines) };
}

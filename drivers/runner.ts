/**
 * Runs the tools that program the kernel: the only `Deno.Command` of the drivers. One process per
 * namespace and step, its commands on standard input.
 *
 * @module
 */
import { NetsvcError } from "../server/wire/errors.ts";
import { NETWORK_TOOLS } from "../server/wire/tools.ts";
import { inNamespace } from "./kernel/namespace.ts";

/** A tool that drivers call. */
export type Tool = keyof typeof NETWORK_TOOLS;

/** A call that takes longer is killed, in milliseconds. */
const TIMEOUT_MS = 15_000;
/** Processes at once; more wait. */
const MAX_AT_ONCE = 8;

/** Options of {@linkcode Runner}. */
export interface RunnerOptions {
  /** Path of the namespace that counts as the host's; the process's own unless given. */
  home?: string;
  /** Called after each run, with its time in milliseconds. */
  onRun?: (tool: Tool, ms: number) => void;
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
    if (this.#running >= MAX_AT_ONCE) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else this.#running++;
    const start = performance.now();
    try {
      return await this.#spawn(run);
    } finally {
      this.#options.onRun?.(run.tool, performance.now() - start);
      // The place goes to the next in line, or is free.
      const next = this.#queue.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #spawn(run: Run): Promise<string> {
    let child: Deno.ChildProcess;
    try {
      child = this.within(run.namespace, () =>
        new Deno.Command(run.tool, {
          args: run.args,
          stdin: run.script === undefined ? "null" : "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn());
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NetsvcError(
        "unsupported",
        `The tool "${run.tool}" is missing; install it: apt-get install ${
          NETWORK_TOOLS[run.tool].package
        }`,
        { cause: error },
      );
    }
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

  /** Runs lines of ip-batch(8). */
  ip(lines: string[], namespace?: string): Promise<void> {
    return this.#batch("ip", lines, namespace);
  }

  /** Runs lines of bridge(8). */
  bridge(lines: string[], namespace?: string): Promise<void> {
    return this.#batch("bridge", lines, namespace);
  }

  async #batch(tool: "ip" | "bridge", lines: string[], namespace?: string): Promise<void> {
    if (lines.length === 0) return;
    await this.run({
      tool,
      args: ["-batch", "-"],
      script: `${lines.join("\n")}\n`,
      ...namespace !== undefined && { namespace },
    });
  }

  /** Runs a script of nft(8) as one transaction. */
  async nft(script: string): Promise<void> {
    if (script !== "") await this.run({ tool: "nft", args: ["-f", "-"], script });
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

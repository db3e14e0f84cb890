/**
 * The failure of a tool, with the kernel's error where its words tell.
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";
import { type Errno, errnoOf } from "../net/errors.ts";
import type { NETWORK_TOOLS } from "./tools.ts";

/** A tool that drivers call. */
export type Tool = keyof typeof NETWORK_TOOLS;

/** One call of a tool. */
export interface Run {
  tool: Tool;
  args: string[];
  /** Lines for its standard input. */
  script?: string;
  /** Path of the namespace to run in; the host's unless given. */
  namespace?: string;
  /** Whether the script is one that no message may show, as a key is. */
  secret?: boolean;
}

/** A script of nft(8) as one transaction. */
export function nftRun(script: string, namespace?: string): Run & { script: string } {
  const run = { tool: "nft" as const, args: ["-f", "-"], script };
  return { ...run, ...namespace !== undefined && { namespace } };
}

/** Characters of a tool's message, and of its input, that the error holds. */
const SHOWN = 500;

export class ToolError extends NetsvcError {
  /** The kernel's answer, where it is one that netsvc tells from others. */
  readonly errno: Errno | undefined;
  /** The tool's message in one line, without line numbers of a batch that users never see. */
  readonly words: string;

  constructor(run: Run, stderr: string) {
    const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const said = lines.join("; ").slice(0, SHOWN) || "no reason given";
    const given = `${run.tool} ${run.args.join(" ")} was given: ${run.script?.slice(0, SHOWN)}`;
    super("kernel", `Cannot program the network with ${run.tool}: ${said}`, {
      ...run.script !== undefined && !run.secret && { cause: new Error(given) },
    });
    this.errno = errnoOf(stderr);
    const own = lines.filter((line) => !line.startsWith("Command failed"));
    this.words = own.join("; ").slice(0, SHOWN) || "no reason given";
  }
}

/** Whether a tool failed because the object to create exists. */
export function isExisting(error: unknown): boolean {
  return error instanceof ToolError && error.errno === "EEXIST";
}

/** Whether a tool failed because the process that it was told doesn't exist. */
export function isNoProcess(error: unknown): boolean {
  return error instanceof ToolError && error.errno === "ESRCH";
}

/** Errors of missing objects; an unknown link among the words of another is an invalid argument. */
const MISSING: ReadonlySet<Errno | undefined> = new Set<Errno>([
  "ENODEV",
  "ENOENT",
  "ESRCH",
  "EINVAL",
]);

/** Whether a tool failed because the object to change doesn't exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof ToolError && MISSING.has(error.errno);
}

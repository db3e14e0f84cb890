/**
 * The failures of plugins, told apart by how to react to them.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

/** The plugin can't be reached or doesn't answer in time. */
export class PluginUnreachable extends NetsvcError {
  /**
   * `dial`: the request was not sent, and may be sent again; `tls`: one side doesn't trust the other's certificate;
   * `broken`, `deadline`: the plugin may have carried the request out; `stopped`: netsvc aborted it.
   */
  readonly kind: "dial" | "tls" | "broken" | "deadline" | "stopped";

  constructor(
    plugin: string,
    kind: PluginUnreachable["kind"],
    reason: string,
    options: { cause?: unknown } = {},
  ) {
    super(
      kind === "deadline" ? "timeout" : "unavailable",
      `The plugin "${plugin}" is unavailable: ${reason}`,
      options,
    );
    this.kind = kind;
  }
}

/** The plugin's answer violates the protocol. */
export class PluginAnswerError extends NetsvcError {
  constructor(plugin: string, method: string, reason: string, options: { cause?: unknown } = {}) {
    super("unavailable", `The plugin "${plugin}" misbehaves in ${method}: ${reason}`, options);
  }
}

/** Words by which plugins say that an object doesn't exist (any more), or exists already. */
const MISSING =
  /not found|no such|unknown|n[o']t exist|cannot find|can't find|no (network|endpoint)/i;
const EXISTS = /exists|already|duplicate|in use/i;

/** The plugin refuses, in its own words. */
export class PluginRefusal extends NetsvcError {
  /** The plugin's words. */
  readonly words: string;
  /** HTTP status of the answer. */
  readonly httpStatus: number;

  constructor(plugin: string, method: string, answer: { words: string; httpStatus: number }) {
    super("kernel", `The plugin "${plugin}" refuses ${method}: ${answer.words}`);
    this.words = answer.words;
    this.httpStatus = answer.httpStatus;
  }

  /** Whether the plugin says that the object doesn't exist. */
  get missing(): boolean {
    return MISSING.test(this.words);
  }

  /** Whether the plugin says that the object exists already. */
  get exists(): boolean {
    return !this.missing && EXISTS.test(this.words);
  }
}

/** The plugin doesn't implement a method that it should. */
export class PluginUnimplemented extends NetsvcError {
  constructor(plugin: string, method: string) {
    super("unsupported", `The plugin "${plugin}" doesn't implement ${method}`);
  }
}

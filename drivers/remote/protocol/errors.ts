/**
 * What can go wrong with a plugin, told apart by what to do about it.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

/** The plugin can't be reached or doesn't answer in time. */
export class PluginUnreachable extends NetsvcError {
  /**
   * `dial`: the request was not sent, and may be again; `tls`: somebody is there who isn't trusted,
   * or doesn't trust us; `broken`, `deadline`: it may have been carried out; `stopped`: by us.
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

/** The plugin answers what no plugin may answer. */
export class PluginAnswerError extends NetsvcError {
  constructor(plugin: string, method: string, reason: string, options: { cause?: unknown } = {}) {
    super("unavailable", `The plugin "${plugin}" misbehaves in ${method}: ${reason}`, options);
  }
}

/** Words by which plugins say that something isn't there (any more), or is there already. */
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

  /** Says that the object isn't there. */
  get missing(): boolean {
    return MISSING.test(this.words);
  }

  /** Says that the object is there already. */
  get exists(): boolean {
    return !this.missing && EXISTS.test(this.words);
  }
}

/** The plugin doesn't know a method that it should. */
export class PluginUnimplemented extends NetsvcError {
  constructor(plugin: string, method: string) {
    super("unsupported", `The plugin "${plugin}" doesn't implement ${method}`);
  }
}

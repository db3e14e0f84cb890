/**
 * Arguments and options whose declarations include their completion.
 *
 * @module
 */
import { Argument, Option } from "commander";
import type { Client } from "../client/client.ts";

/** Words that the daemon knows, by those that were given before. */
export type Ask = (client: Client, given: string[]) => Promise<string[]>;

/** What completes a word: these words, those that the daemon knows, a path, or a program of this machine. */
export type Completion = readonly string[] | Ask | "files" | "programs";

class CompletedArgument extends Argument {
  completion: Completion = [];

  completedBy(completion: Completion): this {
    this.completion = completion;
    return this;
  }

  describe(text: string): this {
    this.description = text;
    return this;
  }
}

class CompletedOption extends Option {
  completion: Completion = [];

  completedBy(completion: Completion): this {
    this.completion = completion;
    return this;
  }

  /** It may be given several times. */
  repeatable(): this {
    return this.default([])
      .argParser((value: string, before: string[]) => [...before, value]);
  }
}

/** Declares an argument with its completion. */
export function argument(words: string): CompletedArgument {
  return new CompletedArgument(words);
}

/** Declares an option with the completion of its value. */
export function option(flags: string, description: string): CompletedOption {
  return new CompletedOption(flags, description);
}

/** The declared completion; `undefined` where there is none. */
export function completionOf(declared: Argument | Option): Completion {
  const says = declared instanceof CompletedArgument || declared instanceof CompletedOption;
  return says ? declared.completion : [];
}

/**
 * Arguments and options that say what completes them, where they are declared.
 *
 * @module
 */
import { Argument, Option } from "commander";
import type { Client } from "../client/client.ts";

/** Words that the daemon knows, by those that were given before. */
export type Ask = (client: Client, given: string[]) => Promise<string[]>;

/** What completes a word: these words, those that the daemon knows, a path, or a program of this machine. */
export type Completion = readonly string[] | Ask | "files" | "programs";

const COMPLETIONS = new WeakMap<Argument | Option, Completion>();

/** Says what completes an argument, or the value of an option. */
export function completing<T extends Argument | Option>(declared: T, completion: Completion): T {
  COMPLETIONS.set(declared, completion);
  return declared;
}

/** An argument, with what completes it. */
export function argument(words: string, completion: Completion): Argument {
  return completing(new Argument(words), completion);
}

/** An option, with what completes its value. */
export function option(flags: string, description: string, completion: Completion): Option {
  return completing(new Option(flags, description), completion);
}

/** An option that may be given several times. */
export function options(flags: string, description: string, completion: Completion): Option {
  return option(flags, description, completion).default([])
    .argParser((value: string, before: string[]) => [...before, value]);
}

/** What was said to complete it; nothing unless something was. */
export function completionOf(declared: Argument | Option): Completion {
  return COMPLETIONS.get(declared) ?? [];
}

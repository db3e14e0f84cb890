/**
 * `netsvc __complete WORD...`: what a shell's completion calls, in the style of Go's cobra. A line for each
 * word that may stand in place of the last one, with what it is behind a tab; then `:` and what the shell
 * is to do: `words`, `nospace` (they go on), `files` or `programs`, which it completes by itself.
 *
 * @module
 */
import type { Command } from "commander";
import { atMost } from "../../lib/async/deadline.ts";
import type { Client } from "../client/client.ts";
import { type Candidate, placeOf } from "./place.ts";

/** Longest wait for the daemon while a shell completes, in milliseconds. */
const PATIENCE_MS = 2_000;

/** What is asked for words. */
export interface Asked {
  program: Command;
  /** A client of the daemon that the options of the program name. */
  connect: (globals: Record<string, string>) => Client;
}

/** The answer, by lines. */
export async function complete(
  words: string[],
  { program, connect }: Asked,
): Promise<string[]> {
  const { completion, candidates, current, before, given, globals } = placeOf(program, words);
  if (completion === "files" || completion === "programs") return [`:${completion}`];
  const known: Candidate[] = candidates.length > 0
    ? candidates
    : (await wordsOf(completion)).map((word) => ({ word, about: "" }));
  const offered = known.filter(({ word }) => word.startsWith(current) && !given.includes(word))
    .map(({ word, about }) => ({ word: before + word, about }));
  const goOn = offered.length > 0 && offered.every(({ word }) => /[=:/]$/.test(word));
  return [
    ...offered.map(({ word, about }) => about === "" ? word : `${word}\t${about}`),
    goOn ? ":nospace" : ":words",
  ];

  async function wordsOf(from: typeof completion): Promise<readonly string[]> {
    if (typeof from !== "function") return from as readonly string[];
    try {
      using client = connect(globals);
      return await atMost(from(client, given), PATIENCE_MS) ?? [];
    } catch {
      return []; // A shell's prompt is no place for errors.
    }
  }
}

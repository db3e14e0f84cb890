/**
 * Finds what may stand at the cursor of a command line, by the tree of commands. Pure.
 *
 * @module
 */
import type { Argument, Command, Option } from "commander";
import { childOf } from "../options/tree.ts";
import { type Completion, completionOf } from "./declare.ts";

/** A word that may stand at the cursor. */
export interface Candidate {
  word: string;
  about: string;
}

/** Where the cursor is. */
export interface Place {
  /** Commands or options that may stand there. */
  candidates: Candidate[];
  /** What completes the word there otherwise. */
  completion: Completion;
  /** The word so far; of `--option=value` the value. */
  current: string;
  /** What stands before that in the same word: `--option=`. */
  before: string;
  /** Arguments before it, which aren't offered again. */
  given: string[];
  /** Options of the program itself, by their names: where the daemon is. */
  globals: Record<string, string>;
}

const NOWHERE: Completion = [];

function takesValue(option: Option | undefined): option is Option {
  return option !== undefined && (option.required || option.optional);
}

/** Reads the words before the cursor. */
class Reader {
  command: Command;
  readonly given: string[] = [];
  readonly globals: Record<string, string> = {};
  /** An option whose value comes next. */
  expected: Option | undefined;
  /** No word is an option any more. */
  rest = false;
  /** Behind `help`. */
  helping = false;
  /** A word that the program would refuse. */
  lost = false;

  constructor(program: Command) {
    this.command = program;
  }

  /** The argument that comes next; the last one may repeat. */
  argument(): { argument: Argument; repeated: boolean } | undefined {
    const all = this.command.registeredArguments;
    const next = all[this.given.length];
    if (next) return { argument: next, repeated: false };
    const last = all.at(-1);
    return last?.variadic ? { argument: last, repeated: true } : undefined;
  }

  optionOf(flag: string): Option | undefined {
    return this.command.options.find(({ short, long }) => flag === short || flag === long);
  }

  read(word: string): void {
    if (this.expected) {
      this.#set(this.expected, word);
      this.expected = undefined;
    } else if (this.rest) this.given.push(word);
    else if (word === "--") this.rest = true;
    else if (word.startsWith("-")) this.#option(word);
    else if (this.command.commands.length > 0) this.#command(word);
    else {
      // Behind the name of a program all words are that program's.
      const next = this.argument();
      this.rest = next !== undefined && completionOf(next.argument) === "programs";
      this.given.push(word);
    }
  }

  #set(option: Option, value: string): void {
    if (!this.command.parent) this.globals[option.attributeName()] = value;
  }

  #option(word: string): void {
    const at = word.indexOf("=");
    const option = this.optionOf(at < 0 ? word : word.slice(0, at));
    if (!takesValue(option)) return;
    if (at < 0) this.expected = option;
    else this.#set(option, word.slice(at + 1));
  }

  #command(word: string): void {
    const child = childOf(this.command, word);
    if (child) this.command = child;
    else if (word === "help" && !this.helping) this.helping = true;
    else this.lost = true;
  }
}

function commandsOf({ command, helping }: Reader): Candidate[] {
  const help = { word: "help", about: "Show the help of a command" };
  return [
    ...command.commands.map((child) => ({ word: child.name(), about: child.description() })),
    ...!command.parent && !helping ? [help] : [],
  ];
}

function optionsOf(command: Command): Candidate[] {
  return [
    ...command.options.map(({ long, description }) => ({ word: long!, about: description })),
    { word: "--help", about: "Show this help" },
  ];
}

/** The place of the last word of a command line, which may be empty. */
export function placeOf(program: Command, words: string[]): Place {
  const reader = new Reader(program);
  for (const word of words.slice(0, -1)) reader.read(word);
  const { command, given, globals, expected, rest } = reader;
  const current = words.at(-1) ?? "";
  const place: Place = {
    candidates: [],
    completion: NOWHERE,
    current,
    before: "",
    given: [],
    globals,
  };
  if (expected) return { ...place, completion: completionOf(expected) };
  const [, flag, value] = rest ? [] : current.match(/^(--[^=]+)=(.*)$/s) ?? [];
  if (flag !== undefined) {
    const option = reader.optionOf(flag);
    const completion = takesValue(option) ? completionOf(option) : NOWHERE;
    return { ...place, completion, current: value!, before: `${flag}=` };
  }
  if (reader.lost) return place;
  if (!rest && current.startsWith("-")) {
    return reader.helping ? place : { ...place, candidates: optionsOf(command) };
  }
  if (reader.helping || command.commands.length > 0) {
    return { ...place, candidates: commandsOf(reader) };
  }
  const next = reader.argument();
  if (!next) return place;
  const completion = completionOf(next.argument);
  if (completion !== "programs") return { ...place, completion, given };
  // A program's arguments are often files.
  return { ...place, completion: next.repeated ? "files" : "programs" };
}

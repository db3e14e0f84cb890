/**
 * What the value of a setting may be, of the command line or of a file. Pure.
 *
 * @module
 */

/** A kind of values. */
export interface Kind<T> {
  /** What to give, for messages: `a number from 2 to 600`. */
  form: string;
  /** The value as the daemon has it; `undefined` where it doesn't have the form. */
  read: (value: unknown) => T | undefined;
  /** Whether an option of the command line has a value. */
  value: "required" | "optional" | "none";
  /** It may be given several times. */
  repeatable?: boolean;
  /** What completes a value: these words, or a path. */
  completes?: readonly string[] | "files";
}

/** Any text but an empty one, of a form if a pattern is given. */
export function text(form = "a text", pattern = /./s): Kind<string> {
  return {
    form,
    value: "required",
    read: (value) => typeof value === "string" && pattern.test(value) ? value : undefined,
  };
}

/** A file of this machine. */
export const file: Kind<string> = { ...text("a path"), completes: "files" };

/** An absolute path, without slashes at its end. */
export const path: Kind<string> = {
  ...text(),
  form: "an absolute path",
  completes: "files",
  read: (value) =>
    typeof value === "string" && value.startsWith("/")
      ? value.replace(/(?<=.)\/+$/, "")
      : undefined,
};

/** One of some words. */
export function choice<T extends string>(words: readonly T[]): Kind<T> {
  return {
    form: `one of ${words.join(", ")}`,
    value: "required",
    completes: words,
    read: (value) => words.find((word) => word === value),
  };
}

/** A whole number. */
export function integer({ what, min, max }: { what: string; min: number; max: number }) {
  const kind: Kind<number> = {
    form: `${what} from ${min} to ${max}`,
    value: "required",
    read: (value) => {
      const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
      return Number.isInteger(number) && (number as number) >= min && (number as number) <= max
        ? number as number
        : undefined;
    },
  };
  return kind;
}

/** Something that is on or off. */
export const flag: Kind<boolean> = {
  form: "true or false",
  value: "none",
  read: (value) => typeof value === "boolean" ? value : undefined,
};

/** As many as there are; a file may give one without a list. */
export function listOf<T>(item: Kind<T>): Kind<T[]> {
  return {
    ...item,
    form: `${item.form}, or a list of such`,
    repeatable: true,
    read: (value) => {
      const items = (Array.isArray(value) ? value : [value]).map(item.read);
      return items.every((one) => one !== undefined) ? items as T[] : undefined;
    },
  };
}

/** The path of a socket; without a value, the usual one. */
export function socket(usual: string): Kind<string> {
  return {
    form: "true or an absolute path that ends in .sock",
    value: "optional",
    completes: "files",
    read: (value) => {
      if (value === true) return usual;
      return typeof value === "string" && /^\/.*\/[^/]+\.sock$/.test(value) ? value : undefined;
    },
  };
}

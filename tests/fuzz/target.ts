/**
 * What is fuzzed, and what it is fuzzed with.
 *
 * @module
 */
import fc from "fast-check";
import { z } from "zod";
import { isNetsvcError } from "../../lib/api/errors.ts";

/** One thing that reads what others wrote. */
export interface Target {
  name: string;
  inputs: fc.Arbitrary<unknown>;
  /** @throws when something is wrong with what is made of an input */
  run: (input: never) => void;
}

/** A target with inputs of one type. */
export function target<T>(name: string, inputs: fc.Arbitrary<T>, run: (input: T) => void): Target {
  return { name, inputs, run };
}

/** Fails where a condition doesn't hold. */
export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** What a reader gives; `undefined` where it refuses, in netsvc's words and on one line. */
export function read<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!isNetsvcError(error)) throw error;
    check(error.message !== "" && error.message.length < 5_000, "a refusal is a sentence");
    return undefined;
  }
}

/** Text that has broken something before: commands, rules, paths, numbers, other alphabets. */
export const nasty: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...[
      "",
      " ",
      "\n",
      "\0",
      "\r",
      "a\nlink del dev eth0",
      "; flush ruleset",
      '"} }',
      "-f",
      "--",
      "..",
      "../../etc",
    ],
    ...[
      "10.0.0.0/8",
      "10.0.0.1",
      "::1",
      "fd00::/64",
      "::ffff:1.2.3.4",
      "fe80::1%eth0",
      "0x7f.1",
      "1e400",
      "NaN",
    ],
    ...[
      "02:00:00:00:00:01",
      "ff:ff:ff:ff:ff:ff",
      "eth0",
      "__proto__",
      "constructor",
      "toString",
      "İ",
      "ß",
      "\u202e",
    ],
    ...[
      "a".repeat(63),
      "a".repeat(64),
      "a".repeat(253),
      "ab".repeat(32),
      "80/tcp",
      "8000-8003",
      "[::1]:80:80",
    ],
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);

/** Any value that JSON has, with nasty texts in it. */
export const anything: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    nasty,
    fc.constantFrom(null, true, false, 0, -1, 80, 65536, 1e308, 2 ** 53),
    fc.array(tie("value"), { maxLength: 4 }),
    // A schema may ask for these of whatever has them.
    fc.record({ length: tie("value"), size: tie("value") }),
    fc.record({ valueOf: tie("value"), toString: tie("value"), toJSON: tie("value") }),
    fc.dictionary(nasty, tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** Objects with the keys of a schema, and now and then another. */
export function shaped(schema: z.ZodType): fc.Arbitrary<unknown> {
  const object = unwrapped(schema);
  if (!(object instanceof z.ZodObject)) return anything;
  const keys = Object.entries(object.shape as Record<string, z.ZodType>);
  const fields = Object.fromEntries(
    keys.map(([key, field]) => [key, fc.oneof({ arbitrary: valueOf(field), weight: 4 }, anything)]),
  );
  return fc.oneof(
    { arbitrary: fc.record(fields, { requiredKeys: [] }), weight: 8 },
    fc.tuple(fc.record(fields), nasty, anything).map(([o, key, value]) => ({ ...o, [key]: value })),
    anything,
  );
}

/** What is inside of what may be missing, `null` or made of something else. */
function unwrapped(schema: z.ZodType): z.ZodType {
  let inner = schema;
  for (let i = 0; i < 10; i++) {
    const { def } = inner as unknown as { def: Record<string, z.ZodType | undefined> };
    // What is read before, or made of it afterwards, has no shape of its own.
    const next = def.innerType ?? (def.in instanceof z.ZodTransform ? def.out : def.in);
    if (!next) break;
    inner = next;
  }
  return inner;
}

/** A value that a schema may take. */
function valueOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) return shaped(inner);
  if (inner instanceof z.ZodArray) {
    return fc.array(valueOf(inner.element as z.ZodType), { maxLength: 3 });
  }
  if (inner instanceof z.ZodRecord) return fc.dictionary(nasty, nasty, { maxKeys: 3 });
  if (inner instanceof z.ZodBoolean) return fc.boolean();
  if (inner instanceof z.ZodNumber) {
    return fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.double());
  }
  if (inner instanceof z.ZodEnum) return fc.constantFrom(...inner.options);
  return nasty;
}

/** Every text in a value. */
export function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...texts(inner)]);
}

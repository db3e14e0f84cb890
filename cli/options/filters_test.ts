import assert from "node:assert/strict";
import { type Filters, filterWords, oneOf, parseFilters } from "./filters.ts";

interface Item {
  name: string;
  state: "on" | "off";
}

const known: Filters<Item> = {
  name: ({ name }, value) => name.includes(value),
  state: oneOf(["on", "off"], ({ state }: Item) => state),
};
const items: Item[] = [{ name: "a", state: "on" }, { name: "ab", state: "off" }];
const shown = (...given: string[]) =>
  items.filter(parseFilters(given, { command: "x ls", filters: known })).map(({ name }) => name);

Deno.test("all keys must fit, of one key any value", () => {
  assert.deepEqual(shown(), ["a", "ab"]);
  assert.deepEqual(shown("name=b"), ["ab"]);
  assert.deepEqual(shown("state=on", "state=off"), ["a", "ab"]);
  assert.deepEqual(shown("name=b", "state=on"), []);
});

Deno.test("unknown keys and values are errors that list the known ones", () => {
  assert.throws(() => shown("nmae=x"), {
    message:
      `Invalid filter "nmae=x"; did you mean "name"? Write KEY=VALUE with one of the keys: ` +
      `name, state (see 'netsvc x ls --help')`,
    exitCode: 2,
  });
  assert.throws(() => shown("state=of"), {
    message:
      /^Invalid filter "state=of"; did you mean "on" or "off"\? Use one of the values: on, off \(see/,
  });
  assert.throws(() => shown("state="), {
    message: /^Invalid filter "state="; use one of the values/,
  });
  assert.throws(() => shown("state"), { message: /write KEY=VALUE/ });
  assert.throws(() => shown("=x"), { message: /write KEY=VALUE/ });
  assert.throws(() => shown("__proto__=x"), { message: /with one of the keys: name, state/ });
});

Deno.test("keys complete with their values, where they are few", () => {
  assert.deepEqual(filterWords(known), ["name=", "state=on", "state=off"]);
});

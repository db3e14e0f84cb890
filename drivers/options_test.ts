import assert from "node:assert/strict";
import { booleanOption, integerOption, readOptions, UnknownOption, wordOption } from "./options.ts";

const READERS = {
  icc: booleanOption,
  mtu: integerOption(68, 9000),
  access: wordOption("deny", "allow"),
};
const read = (options: Record<string, string>) =>
  readOptions(options, { driver: "bridge", readers: READERS, aliases: { "com.x.mtu": "mtu" } });

Deno.test("options are read in a driver's terms, under Docker's long names, too", () => {
  assert.deepEqual(read({ icc: "0", "com.x.mtu": "1400", access: "deny" }), {
    icc: false,
    mtu: 1400,
    access: "deny",
  });
});

Deno.test("a bad value is named with what may stand there", () => {
  for (
    const [key, value] of [["icc", "yes"], ["mtu", "67"], ["mtu", "9001"], ["mtu", "1e3"], [
      "mtu",
      " 100",
    ], ["access", "Deny"]]
  ) {
    assert.throws(
      () => read({ [key!]: value! }),
      new RegExp(`^NetsvcError: Invalid option ${key}="${value}": use `),
    );
  }
});

Deno.test("what isn't an option is unknown, and names of a prototype's aren't any", () => {
  for (const key of ["nosuch", "constructor", "__proto__", "toString"]) {
    const options = JSON.parse(`{${JSON.stringify(key)}: "1"}`);
    assert.throws(
      () => read(options),
      (error) => error instanceof UnknownOption && /known: access, icc, mtu$/.test(error.message),
      key,
    );
  }
});

import assert from "node:assert/strict";
import { login, parameters, split } from "./parameters.ts";

const invalid = (why: string) => new Error(why);

Deno.test("a URL is taken apart before anything is decoded, so each delimiter is one", () => {
  assert.deepEqual(split("https://u%40x:p@h:1,[::1]:2/pre/fix?tls=on", invalid), {
    web: "https",
    userinfo: "u%40x:p",
    hosts: "h:1,[::1]:2",
    path: "/pre/fix",
    query: "tls=on",
  });
  assert.throws(() => split("//u:p@ss@h", invalid), /an "@" where none can be/);
  assert.throws(() => split("//h/pre@fix", invalid), /an "@" where none can be/);
});

Deno.test("a parameter is known, given once, and not empty; a message shows none behind a password", () => {
  assert.deepEqual([...parameters("tls=on&prefix=a%2Fb", invalid)], [["tls", "on"], [
    "prefix",
    "a/b",
  ]]);
  assert.throws(() => parameters("x=1", invalid), /unknown parameter "x"/);
  assert.throws(() => parameters("tls=on&tls=on", invalid), /gives "tls" twice/);
  assert.throws(() => parameters("tls=", invalid), /"tls" is empty/);
  assert.throws(() => parameters("tls=%zz", invalid), /"%" without two hexadecimal digits/);
  assert.throws(() => parameters("password=a&rest-of-it", invalid), (error: Error) => {
    assert.doesNotMatch(error.message, /rest-of-it/);
    return true;
  });
});

Deno.test("a login of the authority is one of the parameters, and none is given twice", () => {
  const given = new Map<string, string>();
  login("user:p%3Aw", { given, invalid });
  assert.deepEqual([...given], [["username", "user"], ["password", "p:w"]]);
  assert.throws(() => login("other", { given, invalid }), /gives "username" twice/);
  assert.throws(() => login(":pw", { given: new Map(), invalid }), /no user name before it/);
});

import assert from "node:assert/strict";
import { credentials, paths } from "./credentials.ts";
import type { Traits } from "./traits.ts";

const invalid = (why: string) => new Error(why);
const of = (
  given: Record<string, string>,
  env: Record<string, string> = {},
  traits: Partial<Traits> = {},
) => ({
  given: new Map(Object.entries(given)),
  env,
  traits: { login: "password", files: true, ...traits } as Traits,
});

Deno.test("the URL goes before the environment, and an empty variable is none", () => {
  const env = { NETSVC_KV_USERNAME: "env", NETSVC_KV_PASSWORD: "secret" };
  assert.deepEqual(credentials(of({}, env), invalid), { username: "env", password: "secret" });
  assert.deepEqual(credentials(of({ username: "url" }, env), invalid), {
    username: "url",
    password: "secret",
  });
  assert.deepEqual(
    credentials(of({}, { NETSVC_KV_USERNAME: "", NETSVC_KV_PASSWORD: "" }), invalid),
    {},
  );
});

Deno.test("a user name and a password go together; a file stands for a password", () => {
  assert.throws(() => credentials(of({ password: "x" }), invalid), /password without a user name/);
  assert.throws(() => credentials(of({ username: "x" }), invalid), /user name has no password/);
  const file = { username: "x", "password-file": "/p" };
  assert.deepEqual(credentials(of(file, { NETSVC_KV_PASSWORD: "env" }), invalid), {
    username: "x",
  });
  assert.deepEqual(paths(of(file), invalid), { password: "/p" });
});

Deno.test("a certificate and its key go together", () => {
  assert.deepEqual(
    paths(of({ ca: "/ca" }, { NETSVC_KV_CERT: "/c", NETSVC_KV_KEY: "/k" }), invalid),
    {
      ca: "/ca",
      cert: "/c",
      key: "/k",
    },
  );
  assert.throws(() => paths(of({ cert: "/c" }), invalid), /cert and key go together/);
  assert.deepEqual(paths(of({ ca: "/ca" }, {}, { files: false }), invalid), {});
});

import assert from "node:assert/strict";
import { guardFor } from "./serve.ts";

Deno.test("a unix socket is for whoever may open it, TCP for who names it and has a token", () => {
  const tokens = ["secret"];
  const credentials = { current: { tokens } };
  const unix = guardFor({ kind: "unix", path: "/run/x.sock" }, { hostName: "One", credentials });
  assert.ok(unix.unix);
  assert.equal(unix.tokens, undefined);
  const tcp = guardFor({ kind: "tcp", hostname: "Example", port: 1 }, {
    hostName: "One",
    credentials,
  });
  assert.deepEqual(tcp.hosts, ["example", "one"]);
  // Those of now: they may be exchanged.
  tokens.push("another");
  assert.deepEqual(tcp.tokens?.(), ["secret", "another"]);
});

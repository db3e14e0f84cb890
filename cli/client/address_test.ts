import assert from "node:assert/strict";
import { isLoopback, parseAddress } from "./address.ts";

Deno.test("an address is a socket, TCP, or TLS; certificates make TCP TLS", () => {
  assert.deepEqual(parseAddress("unix:///run/a b.sock", false), {
    kind: "unix",
    path: "/run/a b.sock",
  });
  assert.deepEqual(parseAddress("tcp://127.0.0.1:80/", false), {
    kind: "tcp",
    hostname: "127.0.0.1",
    port: 80,
    tls: false,
  });
  assert.equal((parseAddress("tcp://h:1", true) as { tls: boolean }).tls, true);
  assert.deepEqual(parseAddress("tls://[fd00::1]:2380", false), {
    kind: "tcp",
    hostname: "[fd00::1]",
    port: 2380,
    tls: true,
  });
});

Deno.test("what isn't one is a mistake of usage that shows how one looks", () => {
  for (
    const text of [
      "",
      "h:1",
      "tcp://h",
      "tcp://u@h:1",
      "http://h:1",
      "unix://relative",
      "tcp://fd00::1:2",
    ]
  ) {
    assert.throws(() => parseAddress(text, false), { code: "invalid", exitCode: 2 }, text);
  }
});

Deno.test("a token may go in the clear to loopback alone", () => {
  for (const own of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    assert.equal(isLoopback(own), true, own);
  }
  for (
    const other of [
      "128.0.0.1",
      "127.0.0.1.example",
      "localhost.example",
      "[::2]",
      "[::ffff:127.0.0.1]",
    ]
  ) {
    assert.equal(isLoopback(other), false, other);
  }
});

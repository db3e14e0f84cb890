import assert from "node:assert/strict";
import { formatEndpoint, parseJsonFile, parseSpecFile } from "./address.ts";

Deno.test("a .spec is one line: a socket, TCP, or HTTPS that is checked", () => {
  assert.deepEqual(parseSpecFile("f", "unix:///run/x.sock\n"), {
    kind: "unix",
    path: "/run/x.sock",
  });
  assert.deepEqual(parseSpecFile("f", "tcp://[::1]:80/ignored"), {
    kind: "tcp",
    host: "::1",
    port: 80,
  });
  assert.deepEqual(parseSpecFile("f", "https://h"), { kind: "tcp", host: "h", port: 443, tls: {} });
});

Deno.test("what names no place is refused with the file's name", () => {
  for (
    const text of [
      "",
      "unix://x",
      "ftp://h",
      "tcp://h:0",
      "tcp://h:65536",
      "tcp://a b:1",
      "unix:///a\nb",
    ]
  ) {
    assert.throws(() => parseSpecFile("x.spec", text), /Invalid plugin file "x.spec"/, text);
  }
});

Deno.test("a certificate is never left unchecked, whatever the file says", () => {
  const of = (TLSConfig: unknown, Addr = "https://h:1") => () =>
    parseJsonFile("x.json", JSON.stringify({ Addr, TLSConfig }));
  assert.throws(
    of({ InsecureSkipVerify: true, CAFile: "/ca" }),
    /InsecureSkipVerify is never followed/,
  );
  assert.throws(of({}), /no CAFile/);
  assert.throws(of({ CAFile: "ca.pem" }), /relative path "ca.pem"/);
  assert.throws(of({ CAFile: "/ca", CertFile: "/c" }), /go together/);
  assert.throws(of({ CAFile: "/ca" }, "http://h:1"), /contradict/);
  assert.deepEqual(of({ CAFile: "/ca", CertFile: "/c", KeyFile: "/k" })(), {
    ...{ kind: "tcp", host: "h", port: 1 },
    tls: { ca: "/ca", cert: "/c", key: "/k" },
  });
});

Deno.test("an endpoint is shown as people write it", () => {
  assert.equal(formatEndpoint({ kind: "tcp", host: "::1", port: 1, tls: {} }), "https://[::1]:1");
  assert.equal(formatEndpoint({ kind: "unix", path: "/x" }), "/x");
});

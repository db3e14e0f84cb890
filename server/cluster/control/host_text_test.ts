import assert from "node:assert/strict";
import { JoinRequest } from "../join/protocol.ts";
import { HostAddress, HostName } from "./host_text.ts";
import { requests } from "./records.ts";

const BAD_ADDRESSES = [
  ...["voter.netsvc", "localhost", "example.com", "10.0.0.1.example.com", "", " 10.0.0.1"],
  ...["010.0.0.1", "10.1", "0x0a000001", "10.0.0.1/24", "fe80::1%eth0", "[fd00::1]", "10.0.0.1\n"],
  ...[
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "127.0.0.1",
    "::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
  ],
  "255.255.255.255",
];
const BAD_NAMES = [
  "",
  "a\nb",
  "a\x1b[31m",
  "-a",
  "../x",
  "a b",
  "a\u2028b",
  "x".repeat(65),
  "\u202ea",
];

Deno.test("a host's address is an address that reaches it, in one spelling", () => {
  for (const address of BAD_ADDRESSES) {
    assert.equal(HostAddress.safeParse(address).success, false, JSON.stringify(address));
  }
  for (
    const [given, kept] of [
      ["10.0.0.1", "10.0.0.1"],
      ["FD00:0:0::0:1", "fd00::1"],
      ["fd00:0000:0000:0000:0000:0000:0000:0001", "fd00::1"],
    ] as const
  ) assert.equal(HostAddress.parse(given), kept);
});

Deno.test("a join and a renewal are held to the same rule", () => {
  const join = (host: { name: string; address: string }) =>
    JoinRequest.safeParse({
      token: { id: "a".repeat(16), secret: "b".repeat(64) },
      request: "pem",
      host: { id: "c".repeat(64), ...host },
    });
  const renewal = (host: { name: string; address: string }) =>
    requests.read({
      key: "",
      revision: "",
      value: JSON.stringify({ v: 1, request: "pem", ...host }),
    });
  for (const address of BAD_ADDRESSES) {
    const host = { name: "one", address };
    assert.deepEqual([join(host).success, renewal(host)], [false, undefined], address);
  }
  for (const name of BAD_NAMES) {
    const host = { name, address: "10.0.0.1" };
    assert.equal(HostName.safeParse(name).success, false);
    assert.deepEqual([join(host).success, renewal(host)], [false, undefined], JSON.stringify(name));
  }
  const host = { name: "one", address: "FD00::0:1" };
  assert.equal(join(host).data?.host.address, "fd00::1");
  assert.equal(renewal(host)?.address, "fd00::1");
});

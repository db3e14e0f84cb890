import assert from "node:assert/strict";
import { ok } from "../../../tests/harness/command.ts";
import { readDump } from "./dump.ts";
import { KEY, newKeyPair, publicKeyOf } from "./keys.ts";
import { planPeers } from "./plan.ts";

Deno.test("keys are what wg makes of them", async () => {
  for (let i = 0; i < 5; i++) {
    const pair = await newKeyPair();
    assert.match(pair.private, KEY);
    assert.equal(pair.public, (await ok(["wg", "pubkey"], { stdin: pair.private })).trim());
    assert.equal(await publicKeyOf(pair.private), pair.public);
    const made = (await ok(["wg", "genkey"])).trim();
    assert.equal(await publicKeyOf(made), (await ok(["wg", "pubkey"], { stdin: made })).trim());
  }
  for (const bad of ["", "x".repeat(44), `${"A".repeat(43)}=\n`, `${"A".repeat(42)}B=`]) {
    await assert.rejects(publicKeyOf(bad), { code: "invalid" });
  }
});

const A = `${"A".repeat(42)}A=`;
const B = `${"B".repeat(42)}A=`;
const C = `${"C".repeat(42)}A=`;

const DUMP = [
  ["SECRET", "PUBLIC", "51820", "off"],
  [A, "(none)", "192.0.2.2:51820", "fd00::b/128", "1795918449", "612", "704", "25"],
  [B, "(none)", "(none)", "(none)", "0", "0", "0", "off"],
].map((words) => words.join("\t")).join("\n") + "\n";

Deno.test("a dump is read without the private key", () => {
  const device = readDump(DUMP);
  assert.ok(!Deno.inspect(device).includes("SECRET"));
  assert.deepEqual(device, {
    key: "PUBLIC",
    port: 51820,
    peers: new Map([
      [A, {
        key: A,
        endpoint: "192.0.2.2:51820",
        allowed: ["fd00::b/128"],
        handshake: 1795918449,
        received: 612,
        sent: 704,
        keepalive: 25,
      }],
      [B, { key: B, allowed: [], handshake: 0, received: 0, sent: 0, keepalive: 0 }],
    ]),
  });
  assert.deepEqual(readDump("(none)\t(none)\t0\toff\n"), { port: 0, peers: new Map() });
  assert.throws(() => readDump("nonsense"), { code: "kernel" });
});

Deno.test("what a device has learned of an endpoint stays unless another is given", () => {
  const { peers } = readDump(DUMP);
  const only = new Map([[A, peers.get(A)!]]);
  const want = { key: A, allowed: ["fd00::b/128"] };
  assert.deepEqual(planPeers(only, [want]), []);
  assert.deepEqual(planPeers(only, [{ ...want, endpoint: "192.0.2.9:51820" }]), [
    ["peer", A, "endpoint", "192.0.2.9:51820"],
  ]);
  const args = ["persistent-keepalive", "25", "allowed-ips", "fd00::b/128"];
  assert.deepEqual(planPeers(new Map(), [{ ...want, endpoint: "[2001:db8::1]:1" }]), [
    ["peer", A, "endpoint", "[2001:db8::1]:1", ...args],
  ]);
});

Deno.test("an address goes to another peer before the first loses it, or goes", () => {
  const { peers } = readDump(DUMP);
  const wanted = [{ key: B, allowed: [] }, { key: C, allowed: ["fd00::b/128"] }];
  assert.deepEqual(planPeers(peers, wanted), [
    ["peer", C, "persistent-keepalive", "25", "allowed-ips", "fd00::b/128"],
    ["peer", B, "persistent-keepalive", "25"],
    ["peer", A, "remove"],
  ]);
});

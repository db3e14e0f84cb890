import assert from "node:assert/strict";
import {
  Connections,
  MEMBERS,
  neighbourhoodOf,
  PER_NEIGHBOURHOOD,
  STRANGERS,
} from "./connections.ts";

Deno.test("an IPv6 neighbour is its /64, an IPv4 one its address", () => {
  assert.equal(neighbourhoodOf("10.0.0.7"), "10.0.0.7");
  assert.equal(neighbourhoodOf("::ffff:10.0.0.7"), "10.0.0.7");
  for (const same of ["fd99::1", "fd99::2:1", "fd99:0:0:0:dead:beef:1:2", "FD99::1%eth0"]) {
    assert.equal(neighbourhoodOf(same), "fd99:0:0:0::/64", same);
  }
  assert.equal(neighbourhoodOf("fd99:0:0:1::1"), "fd99:0:0:1::/64");
  assert.equal(neighbourhoodOf("fe80::1%eth0"), "fe80:0:0:0::/64");
});

Deno.test("a flood from 8 addresses ends its own connections, and nobody else's", () => {
  const all = new Connections<string>();
  assert.equal(all.admit("honest", "10.0.0.9"), undefined);
  const dropped: string[] = [];
  for (let n = 0; n < 2000; n++) {
    const gone = all.admit(`flood ${n}`, `10.0.0.${100 + n % 8}`);
    if (gone !== undefined) dropped.push(gone);
  }
  assert.ok(all.size <= STRANGERS);
  assert.ok(!dropped.includes("honest"));
  // Another one comes in while it lasts, and stays.
  const gone = all.admit("late", "10.0.0.10");
  assert.match(gone ?? "flood", /^flood/);
  for (let n = 0; n < 500; n++) {
    assert.notEqual(all.admit(`more ${n}`, `10.0.0.${100 + n % 8}`), "late");
  }
  assert.ok(all.all().includes("late") && all.all().includes("honest"));
});

Deno.test("all addresses of a /64 together hold what one may", () => {
  const all = new Connections<number>();
  for (let n = 0; n < 1000; n++) all.admit(n, `fd99::${n.toString(16)}`);
  assert.equal(all.size, PER_NEIGHBOURHOOD);
  assert.deepEqual(all.all().at(0), 1000 - PER_NEIGHBOURHOOD, "the oldest have gone");
});

Deno.test("strangers take no room from the cluster's hosts, whatever they hold", () => {
  const members = new Set(["10.0.0.1", "10.0.0.2"]);
  const all = new Connections<string>((address) => members.has(address));
  for (let n = 0; n < 4 * STRANGERS; n++) all.admit(`flood ${n}`, `10.1.${n >> 8}.${n & 255}`);
  assert.equal(all.size, STRANGERS);
  for (let n = 0; n < PER_NEIGHBOURHOOD; n++) {
    assert.equal(all.admit(`host ${n}`, "10.0.0.1"), undefined);
  }
  assert.equal(all.size, STRANGERS + PER_NEIGHBOURHOOD);
  assert.ok(MEMBERS >= PER_NEIGHBOURHOOD);
});

Deno.test("who has shown a certificate stays; where all have, the newest goes", () => {
  const all = new Connections<number>();
  for (let n = 0; n < PER_NEIGHBOURHOOD; n++) {
    all.admit(n, "10.0.0.1");
    if (n > 0) all.know(n);
  }
  assert.equal(all.admit(100, "10.0.0.1"), 0);
  all.know(100);
  assert.equal(all.admit(101, "10.0.0.1"), 101);
});

import assert from "node:assert/strict";
import { Announcer } from "./announcer.ts";

function subject() {
  const sent: string[] = [];
  const ended: Promise<unknown>[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const runner = {
    within: <T>(_: string | undefined, action: () => T) => action(),
    afterwards: (slow: Promise<unknown>) => void ended.push(slow),
  };
  const announcer = new Announcer(runner, (link, holders) => {
    if (link === "none") throw new Error("no such link");
    sent.push(...holders.map(({ mac, address }) => `${link} ${mac} ${address.join(".")}`));
    return () => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return { all: gate.promise, closed: gate.promise };
    };
  });
  return { announcer, sent, ended, gates };
}

const endpoint = (mac: string, ...addresses: string[]) => ({ id: "e", mac, addresses });

Deno.test("what the members of a bridge know is announced once", async () => {
  const { announcer, sent, ended } = subject();
  await announcer.tell([endpoint("m1", "10.0.0.2/24")], "br");
  assert.deepEqual(sent.splice(0), ["br m1 10.0.0.2"]);
  assert.equal(ended.length, 1, "sent without being waited for");
  await announcer.tell([endpoint("m1", "10.0.0.2/24")], "br");
  assert.deepEqual(sent, [], "attached again");
  await announcer.tell([endpoint("m1", "10.0.0.2/24", "10.0.0.3/24")], "br");
  assert.deepEqual(sent.splice(0), ["br m1 10.0.0.3"]);
  await announcer.tell([endpoint("m1", "10.0.0.2/24")], "br", "/run/netns/other");
  assert.deepEqual(sent.splice(0), ["br m1 10.0.0.2"], "another namespace's bridge");
});

Deno.test("an address that another MAC had is announced before it is used", async () => {
  const { announcer, sent, gates } = subject();
  await announcer.tell([endpoint("m1", "10.0.0.2/24")], "br");
  let told = false;
  const telling = announcer.tell([endpoint("m2", "10.0.0.2/24")], "br").then(() => told = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(sent, ["br m1 10.0.0.2", "br m2 10.0.0.2"]);
  assert.equal(told, false);
  gates[1]!.resolve();
  await telling;
});

Deno.test("what couldn't be announced is tried again, and never fails", async () => {
  const { announcer, sent } = subject();
  await announcer.tell([endpoint("m1", "10.0.0.2/24")], "none");
  await announcer.tell([endpoint("m1", "10.0.0.2/24")], "none");
  assert.deepEqual(sent, []);
});

Deno.test("so many holders are remembered and no more: the oldest are announced again", async () => {
  const { announcer, sent } = subject();
  const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/8`;
  for (let n = 0; n <= 16_384; n++) await announcer.tell([endpoint("m", address(n))], "br");
  sent.splice(0);
  await announcer.tell([endpoint("m", address(16_384))], "br");
  assert.deepEqual(sent, []);
  await announcer.tell([endpoint("m", address(0))], "br");
  assert.deepEqual(sent, ["br m 10.0.0.0"]);
});

import assert from "node:assert/strict";
import type { Join } from "../driver.ts";
import { Siblings } from "./siblings.ts";

function join(id: string, address: string, path: string): Join {
  return {
    endpoint: {
      id: id.repeat(64),
      mac: `02:00:00:00:00:0${id}`,
      addresses: [`10.0.0.${address}/24`, `fd00::${address}/64`],
    },
    sandbox: { path },
    interface: "eth0",
    gateway: false,
    ports: [],
  } as unknown as Join;
}

const list = (elements: { senders4?: Set<string>; senders6?: Set<string> }) =>
  [...elements.senders4 ?? [], ...elements.senders6 ?? []].map((text) =>
    text.replace(/"nsv(.)\1+" \. 02:00:00:00:00:0(.)/, "$1 as $2")
  ).sort();

Deno.test("Siblings lend their addresses to the links of their own sandbox, and to no other", () => {
  const siblings = new Siblings();
  const [a, b, c] = [join("1", "1", "/x"), join("2", "2", "/x"), join("3", "3", "/y")];
  assert.deepEqual(list(siblings.add(a)), []);
  assert.deepEqual(list(siblings.add(c)), []);
  const both = [
    "1 as 1 . 10.0.0.2",
    "1 as 1 . fd00::2",
    "2 as 2 . 10.0.0.1",
    "2 as 2 . fd00::1",
  ];
  assert.deepEqual(list(siblings.add(b)), both);
  assert.deepEqual(list(siblings.remove(a.endpoint.id)), both);
  assert.deepEqual(list(siblings.remove(a.endpoint.id)), []);
  assert.deepEqual(list(siblings.set([a, b, c])), both);
  assert.deepEqual(list(siblings.remove(c.endpoint.id)), []);
});

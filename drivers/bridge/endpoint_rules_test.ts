import assert from "node:assert/strict";
import type { Join, NetworkSpec } from "../driver.ts";
import { EndpointRules } from "./endpoint_rules.ts";

const network = {
  id: "a".repeat(64),
  name: "net",
  internal: false,
  ipv6: false,
  pools: [{ family: 4, subnet: "10.0.0.0/24", gateway: "10.0.0.1" }],
  options: {},
} as unknown as NetworkSpec;

function join(n: number, hostIp?: string, sandbox = `/run/${n}`): Join {
  return {
    endpoint: {
      id: String(n).repeat(64),
      mac: `02:00:00:00:00:0${n}`,
      addresses: [`10.0.0.${n}/24`],
    },
    sandbox: { id: "", path: sandbox },
    interface: "eth0",
    gateway: true,
    ports: [
      { protocol: "tcp", hostPort: 80, containerPort: 8080, ...hostIp !== undefined && { hostIp } },
    ],
  };
}

const sizes = (elements: Record<string, Set<string> | undefined>) =>
  Object.fromEntries(
    ["ports4", "ports4_at", "published", "senders4"].map((name) => [name, elements[name]?.size]),
  );

Deno.test("a port of the host stays published as long as one endpoint has it, at whichever address", () => {
  const rules = new EndpointRules();
  const [one, two] = [join(2, "192.0.2.1"), join(3, "192.0.2.2")];
  rules.join(network, one);
  rules.join(network, two);
  assert.deepEqual(sizes(rules.leave(network, one)), {
    ports4: 0,
    ports4_at: 1,
    published: 0,
    senders4: 1,
  });
  assert.deepEqual([...rules.leave(network, two).published!], ["tcp . 80"]);
});

Deno.test("an endpoint whose ports are taken back keeps what it may send", () => {
  const rules = new EndpointRules();
  rules.join(network, join(2));
  const removed = rules.unpublish(network, join(2));
  assert.deepEqual(sizes(removed), { ports4: 1, ports4_at: 0, published: 1, senders4: undefined });
});

Deno.test("links of one sandbox lend each other their addresses, however they came", () => {
  const lent = '"nsv222222222222" . 02:00:00:00:00:02 . 10.0.0.3';
  const [two, three] = [join(2, undefined, "/run/x"), join(3, undefined, "/run/x")];
  const joined = new EndpointRules();
  assert.ok(!joined.join(network, two).senders4!.has(lent));
  assert.ok(joined.join(network, three).senders4!.has(lent));
  assert.ok(joined.leave(network, three).senders4!.has(lent));
  const restarted = new EndpointRules();
  const all = restarted.set([{ network, joins: [two, three], peers: [] }]);
  assert.ok(all.senders4!.has(lent));
  assert.ok(restarted.leave(network, two).senders4!.has(lent));
});

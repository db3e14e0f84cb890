import assert from "node:assert/strict";
import { buildZone } from "../../../tests/harness/zone.ts";
import { answerFrom } from "./view.ts";
import type { ZoneService } from "./zone.ts";

const PORTS = [{ name: "http", port: 80, protocol: "tcp" as const }];

/** A service with `count` backends, of which the first has the weight 5. */
function many(count: number): ZoneService {
  return {
    ...{ name: "web", aliases: ["www"], many: true },
    endpoints: Array.from({ length: count }, (_, n) => ({
      addresses: [`10.5.0.${n + 1}`, `fd00::${n + 1}`],
      ports: PORTS,
      containerNames: [`c${n + 1}`],
      weight: n === 0 ? 5 : 1,
    })),
  };
}

function answers(services: ZoneService[]) {
  const zone = buildZone({ name: "prod", ttl: 5, subnets: ["10.5.0.0/16"], services });
  const view = { networks: [zone], links: [], external: false };
  return (type: string, name: string) => {
    const answer = answerFrom(view, { type, name, class: "IN" });
    assert.notEqual(answer, "forward");
    return answer as Exclude<typeof answer, "forward">;
  };
}

Deno.test("dnsrr: the name answers all backends, a few at a time; tasks and containers' names their own", () => {
  const ask = answers([many(12)]);
  for (const [type, first] of [["A", "10.5.0.1"], ["AAAA", "fd00::1"]] as const) {
    for (const name of ["web", "web.prod", "www", "WEB.prod"]) {
      const { answers, rotate, most } = ask(type, name);
      assert.deepEqual([answers.length, rotate, most], [12, true, 8], name);
    }
    const tasks = ask(type, "tasks.web.prod");
    assert.deepEqual([tasks.answers.length, tasks.most], [12, undefined]);
    for (const name of ["c1.web", "c1.web.prod", "c1"]) {
      const { answers } = ask(type, name);
      assert.deepEqual(answers.map((answer) => (answer as { data: string }).data), [first], name);
    }
  }
  assert.equal(ask("A", "c13.web").rcode, "REFUSED", "nobody's name here");
});

Deno.test("dnsrr: SRV gives each backend by its own name, with its port and weight", () => {
  const ask = answers([many(2)]);
  for (const name of ["_http._tcp.web", "_80._tcp.web.prod", "web", "_http._tcp.tasks.web"]) {
    const { answers: found, additionals } = ask("SRV", name);
    assert.deepEqual(found.map((answer) => (answer as { data: unknown }).data), [
      { port: 80, target: "c1.web.prod", priority: 0, weight: 5 },
      { port: 80, target: "c2.web.prod", priority: 0, weight: 1 },
    ], name);
    assert.deepEqual(additionals.map(({ name }) => name), [
      ...["c1.web.prod", "c1.web.prod", "c2.web.prod", "c2.web.prod"],
    ]);
  }
  const { answers: names } = ask("PTR", "2.0.5.10.in-addr.arpa");
  assert.deepEqual(names.map((answer) => (answer as { data: unknown }).data), ["c2.web.prod"]);
});

Deno.test("dnsrr: without a backend it is no name that answers, like any service", () => {
  const ask = answers([many(0)]);
  assert.equal(ask("A", "web").rcode, "NXDOMAIN");
  assert.equal(ask("A", "tasks.web").rcode, "REFUSED");
});

Deno.test("vip: the name answers the service's address, with a backend or without", () => {
  for (const backends of [0, 2]) {
    const vip = { addresses: ["10.5.0.99", "fd00::99"], ports: [{ ...PORTS[0]!, port: 8 }] };
    const ask = answers([{ ...many(backends), vip }]);
    const data = (type: string, name: string) =>
      ask(type, name).answers.map((answer) => (answer as { data: unknown }).data);
    for (const name of ["web", "www.prod"]) {
      assert.deepEqual(data("A", name), ["10.5.0.99"]);
      assert.deepEqual(data("AAAA", name), ["fd00::99"]);
    }
    const srv = { port: 8, target: "web.prod", priority: 0, weight: 0 };
    assert.deepEqual(data("SRV", "_http._tcp.web"), [srv]);
    assert.deepEqual(data("PTR", "99.0.5.10.in-addr.arpa"), ["web.prod"]);
    if (backends === 0) continue;
    assert.deepEqual(data("A", "tasks.web"), ["10.5.0.1", "10.5.0.2"]);
    assert.deepEqual(data("A", "c2.web.prod"), ["10.5.0.2"]);
    assert.equal((data("SRV", "_http._tcp.tasks.web")[0] as { port: number }).port, 80);
  }
});

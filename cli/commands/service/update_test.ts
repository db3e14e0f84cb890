import assert from "node:assert/strict";
import type { Service } from "../../../lib/api/types.ts";
import { commandLine } from "../../../tests/harness/command_line.ts";

const backend = (name: string, host: string): NonNullable<Service["backends"]>[number] => ({
  container: { id: name.padEnd(64, "0"), name, runtime: "netsvc" },
  ...{ host, interface: "eth0", attached: "2026-01-01T00:00:00Z", aliases: [], mac: "02:00" },
  ...{ id: "e".repeat(64), addresses: ["10.7.0.3/24", "fd00::3/64"], weight: 2, state: "active" },
});
const service: Service = {
  ...{ id: "a".repeat(64), name: "web", created: "2026-01-01T00:00:00Z", mode: "dnsrr", mac: "" },
  network: { id: "b".repeat(64), name: "prod", scope: "global" },
  ...{ addresses: [], aliases: [], ports: [], auto: false },
  backends: [backend("c1", "host-2"), { ...backend("c2", "host-1"), state: "draining" }],
};
const single: Service = {
  ...service,
  ...{ name: "db", mode: "single", addresses: ["10.7.0.2/24"], mac: "02:00" },
};
delete single.backends;

Deno.test("service update says what changes, and nothing else", async () => {
  const words = [
    "--port",
    "http:80:8080",
    "--weight",
    "c1=5",
    "--weight",
    "a=b=1",
    "--drain",
    "c2",
    "--activate",
    "c3",
  ];
  const { asked, code } = await commandLine(
    ["service", "update", ...words, "web.prod"],
    () => service,
  );
  assert.equal(code, 0);
  assert.deepEqual(asked, [{
    what: "POST /services/web.prod/update",
    body: {
      ports: [{ name: "http", port: 80, protocol: "tcp", target: 8080 }],
      weights: [{ container: "c1", weight: 5 }, { container: "a=b", weight: 1 }],
      ...{ drain: ["c2"], activate: ["c3"] },
    },
  }]);
  const mode = await commandLine(["service", "update", "--mode", "single", "web"], () => service);
  assert.deepEqual(mode.asked[0]!.body, { mode: "single" });
});

Deno.test("service update refuses what isn't a weight or a mode, and an empty change", async () => {
  const wrong: [string[], RegExp][] = [
    [[], /Say what to change: --mode, --port, --weight/],
    ...["c1", "c1=0", "c1=101", "c1=1.5", "=3"].map((weight): [string[], RegExp] => [
      ["--weight", weight],
      /Invalid --weight ".*"; write it CONTAINER=N, N from 1 to 100/,
    ]),
    [["--mode", "all"], /Unknown mode "all"; use single, vip, dnsrr/],
  ];
  for (const [words, message] of wrong) {
    const { asked, stderr, code } = await commandLine(
      ["service", "update", ...words, "web"],
      () => service,
    );
    assert.deepEqual([asked, code], [[], 2]);
    assert.match(stderr, message);
  }
});

Deno.test("service publish passes the mode on", async () => {
  const { asked } = await commandLine(
    ["service", "publish", "--mode", "dnsrr", "web.prod"],
    () => service,
  );
  assert.equal((asked[0]!.body as { mode: string }).mode, "dnsrr");
});

Deno.test("service ps lists backends, of a single one, too", async () => {
  const { stdout } = await commandLine(["service", "ps", "web.prod"], () => service);
  assert.deepEqual(stdout.trim().split("\n").map((line) => line.trim().split(/ {2,}/)), [
    ["BACKEND", "HOST", "ADDRESS", "STATE", "WEIGHT"],
    ["c1", "host-2", "10.7.0.3, fd00::3", "active", "2"],
    ["c2", "host-1", "10.7.0.3, fd00::3", "draining", "2"],
  ]);
  const of = { ...single, backend: service.backends![0]! };
  const one = await commandLine(
    ["service", "ps", "--format", "{{.Backend}} {{.Addresses}}", "db"],
    () => of,
  );
  assert.equal(one.stdout, "c1 10.7.0.2/24\n");
});

Deno.test("service ls shows modes, backends and hosts where there are any", async () => {
  const { stdout } = await commandLine(["service", "ls"], () => [service, single]);
  assert.deepEqual(stdout.trim().split("\n").map((line) => line.trim().split(/ {2,}/)), [
    ["SERVICE ID", "NAME", "NETWORK", "MODE", "ADDRESS", "BACKENDS", "HOST"],
    ["aaaaaaaaaaaa", "web", "prod", "dnsrr", "1/2", "host-1,host-2"],
    ["aaaaaaaaaaaa", "db", "prod", "single", "10.7.0.2", "0/0"],
  ]);
  const filtered = await commandLine(
    ["service", "ls", "-f", "mode=dnsrr", "--format", "{{.Name}} {{.Backends}}"],
    () => [service, single],
  );
  assert.equal(filtered.stdout, "web 1/2\n");
  const before = await commandLine(["service", "ls"], () => [single]);
  assert.match(before.stdout, /^SERVICE ID +NAME +NETWORK +PROVIDER +HOST +ADDRESS +PORTS/);
});

Deno.test("service info of many names its backends", async () => {
  const { stdout } = await commandLine(["service", "info", "web.prod"], () => service);
  assert.match(stdout, /Mode: dnsrr\n/);
  assert.match(stdout, /Backend: c1 10.7.0.3 fd00::3 on host-2, active, weight 2\n/);
  assert.doesNotMatch(stdout, /MAC|Provider/);
});

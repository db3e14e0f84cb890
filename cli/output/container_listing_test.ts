import assert from "node:assert/strict";
import type { Container } from "../../lib/api/types.ts";
import { describe, listing, portText } from "./container_listing.ts";

const container = {
  id: "a".repeat(64),
  name: "web",
  state: "exited",
  exitCode: 3,
  runtime: "netsvc",
  created: new Date().toISOString(),
  hostname: "web",
  networkMode: "networks",
  labels: {},
  services: [],
  command: ["sh", "-c", "echo \x1b[31m a very long command line"],
  ports: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostIp: "::1", hostPort: 53, containerPort: 53, protocol: "udp" },
  ],
} as unknown as Container;

Deno.test("ports say where they are reached, in either family", () => {
  assert.deepEqual(container.ports.map(portText), ["*:8080->80/tcp", "[::1]:53->53/udp"]);
});

Deno.test("a command is shortened where ids are, and can't spoil the terminal", () => {
  const cell = listing.columns.find(([title]) => title === "COMMAND")![1];
  assert.equal(cell(container, (id) => id.slice(0, 12)).length, 24);
  assert.ok(!cell(container, (id) => id).includes("\x1b"));
  assert.match(cell(container, (id) => id), /a very long command line$/);
});

Deno.test("a container that has ended says with which status", () => {
  assert.match(describe(container), /^State: exited \(3\)$/m);
  assert.match(describe(container), /^Network: none$/m);
  assert.match(describe({ ...container, networkMode: "host" }), /^Network: the host's own$/m);
});

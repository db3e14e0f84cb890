import assert from "node:assert/strict";
import { InspectedContainer } from "./inspected.ts";
import { exposedPorts, publishedPorts, readBindings } from "./ports.ts";

Deno.test("readBindings() reads ports, ranges and addresses", () => {
  const port = (HostPort: string, HostIp = "") => readBindings({ "80": [{ HostIp, HostPort }] });
  const base = { containerPort: 80, protocol: "tcp" };
  assert.deepEqual(port(""), [{ hostPort: 0, ...base }]);
  assert.deepEqual(port("8080"), [{ hostPort: 8080, ...base }]);
  assert.deepEqual(port("8000-8003"), [{ hostPort: 8000, hostPortEnd: 8003, ...base }]);
  assert.deepEqual(port("1", "127.0.0.1"), [{ hostIp: "127.0.0.1", hostPort: 1, ...base }]);
  assert.deepEqual(readBindings({ "80/udp": null, "81/tcp": [] }), []);
});

Deno.test("publishedPorts() publishes what is exposed where all are to be", () => {
  const container = (PublishAllPorts: boolean) =>
    InspectedContainer.parse({
      ...{ Id: "0".repeat(64), Name: "/web", State: { Running: false, Pid: 0 } },
      Config: { ExposedPorts: { "80/tcp": {}, "81/udp": {} } },
      HostConfig: { PublishAllPorts, PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    });
  const own = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
  assert.deepEqual(publishedPorts(container(false)), [own]);
  assert.deepEqual(publishedPorts(container(true)), [
    own,
    { hostPort: 0, containerPort: 81, protocol: "udp" },
  ]);
  assert.deepEqual(exposedPorts(container(false)), ["80/tcp", "81/udp"]);
});

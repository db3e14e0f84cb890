import assert from "node:assert/strict";
import {
  type AdoptedContainer,
  ownsSandbox,
  readContainer,
  runtimeOf,
  type StoredContainer,
  storedContainer,
} from "./container.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

/** As 8f9bd48 wrote them. */
const OWN: StoredContainer = {
  id: "a",
  name: "web",
  created: CREATED,
  hostname: "web",
  state: "exited",
  exitCode: 3,
  networkMode: "container:b",
  ports: [],
  autoRemove: false,
};
const ADOPTED: StoredContainer = {
  id: "b",
  created: CREATED,
  hostname: "db",
  state: "running",
  networkMode: "networks",
  ports: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }],
  autoRemove: true,
  foreign: {
    runtime: "docker",
    namespace: "/proc/1/ns/net",
    links: ["eth0"],
    hasRoute: true,
    resolver: "127.0.0.12",
    upstreams: ["127.0.0.11"],
    hostsPath: "/var/lib/docker/hosts",
  },
};

Deno.test("records are read and written in the form that earlier versions know", () => {
  for (const stored of [OWN, ADOPTED]) {
    assert.deepEqual(storedContainer(readContainer(stored)), stored);
  }
});

Deno.test("an adopted container has what is its alone, and nothing that only netsvc's own ones mean", () => {
  const container = readContainer(ADOPTED) as AdoptedContainer;
  assert.equal(container.kind, "adopted");
  assert.equal(container.hostsPath, "/var/lib/docker/hosts");
  assert.ok(!("autoRemove" in container || "foreign" in container || "prefix" in container));
});

Deno.test("whose a container is, and whether its sandbox is its own", () => {
  const own = readContainer(OWN);
  assert.deepEqual([runtimeOf(own), ownsSandbox(own)], ["netsvc", false]);
  const adopted = readContainer(ADOPTED);
  assert.deepEqual([runtimeOf(adopted), ownsSandbox(adopted)], ["docker", true]);
  assert.ok(ownsSandbox(readContainer({ ...OWN, networkMode: "none" })));
});

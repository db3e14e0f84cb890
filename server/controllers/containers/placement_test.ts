import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";
import { networksOf, placementOf, wantedServices } from "./placement.ts";

const process = { command: ["true"] };
const port = { hostPort: 80, containerPort: 80, protocol: "tcp" as const };

Deno.test("where a container goes is told by --net, by what it publishes, and by whether it runs", async () => {
  await using subject = await containerSubject();
  const { context, networks, containers } = subject;
  for (const driver of ["host", "null"]) {
    await networks.create({ name: driver, driver }).catch(() => {});
  }
  const bridge = context.state.networkByName("bridge")!.record.id;
  const place = (request: Parameters<typeof placementOf>[1]) => placementOf(context, request);
  assert.deepEqual(place({}), { mode: "none", published: [] });
  assert.deepEqual(place({ process }), { mode: "networks", own: bridge, published: [] });
  const published = [{ name: "api", network: bridge }];
  assert.deepEqual(place({ process, publishServices: ["api"] }), { mode: "networks", published });
  const { id } = await containers.create({ name: "web", network: "bridge" });
  assert.equal(place({ network: "container:web" }).mode, `container:${id}`);
  for (
    const [request, why] of [
      [{ network: "container:web", ports: [port] }, /Cannot publish ports/],
      [{ network: "container:web", publishServices: ["api"] }, /leave one of the two out/],
      [{ network: "container:web", foreign: "docker:x" }, /container of another runtime/],
      [{ ports: [port] }, /that is on no network/],
    ] as const
  ) {
    const copy = structuredClone(request) as Parameters<typeof placementOf>[1];
    assert.throws(() => place(copy), { code: "invalid", message: why });
  }
});

Deno.test("each service is wanted once, the container's own first", () => {
  const published = [{ name: "web", network: "n" }, { name: "api", network: "n" }];
  const wanted = wantedServices({ mode: "networks", own: "n", published }, {
    id: "1",
    name: "web",
  });
  assert.deepEqual(wanted.map(({ name, auto }) => [name, auto]), [["web", true], ["api", false]]);
});

Deno.test("a request is about its network and those of its services", () => {
  assert.deepEqual(networksOf({ network: "container:x" }, "d"), [undefined]);
  assert.deepEqual(networksOf({ publishServices: ["a.n"] }, "d"), ["d", "n"]);
});

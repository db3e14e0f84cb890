import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

const port = { hostPort: 8080, containerPort: 80, protocol: "tcp" as const };

Deno.test("a container is created with its sandbox, on its network, and holds its ports", async () => {
  await using subject = await containerSubject();
  const { containers, context: { state } } = subject;
  const web = await containers.create({ name: "web", network: "bridge", ports: [port] });
  assert.deepEqual(web.services.map(({ name, network }) => [name, network]), [["web", "bridge"]]);
  assert.ok(!("creating" in containers.store.own(web.id)));
  assert.deepEqual([...subject.namespaces], [web.id]);
  assert.deepEqual([...subject.ports.keys()], [web.id]);
  assert.deepEqual(subject.bridge.calls.at(-1), "join");
  assert.equal(state.services.size, 1);
  assert.deepEqual(subject.order, []);
});

Deno.test("nothing stays of one that can't be attached: neither services, nor sandbox, nor ports", async () => {
  await using subject = await containerSubject();
  const { containers, context: { state }, bridge } = subject;
  let joins = 0;
  bridge.on = (call) => {
    if (call === "join" && ++joins === 2) throw new Error("no second join");
  };
  const request = {
    name: "web",
    network: "bridge",
    publishServices: ["api.bridge"],
    ports: [port],
  };
  await assert.rejects(containers.create(request), /no second join/);
  for (const left of [state.containers, state.services, subject.namespaces, subject.ports]) {
    assert.equal(left.size, 0);
  }
  assert.equal(subject.calls.at(-1), "forget");
  assert.deepEqual(subject.order, []);
});

Deno.test("nothing stays of one whose sandbox can't be opened", async () => {
  await using subject = await containerSubject();
  subject.on = (call) => {
    if (call === "open") throw new Error("no namespace");
  };
  await assert.rejects(
    subject.containers.create({ name: "web", network: "bridge" }),
    /no namespace/,
  );
  assert.equal(subject.context.state.containers.size, 0);
  assert.ok(!subject.bridge.calls.includes("join"));
  subject.on = () => {};
  await subject.containers.create({ name: "web", network: "bridge" });
});

Deno.test("a name, a port or a service of another container's is refused before anything is made", async () => {
  await using subject = await containerSubject();
  const { containers } = subject;
  await containers.create({ name: "web", network: "bridge", ports: [port] });
  const made = subject.calls.length;
  for (
    const [request, code] of [
      [{ name: "WEB" }, "exists"],
      [{ name: "b", ports: [port], network: "bridge" }, "exists"],
      [{ name: "b", publishServices: ["web.bridge"] }, "in_use"],
    ] as const
  ) {
    const copy = structuredClone(request) as Parameters<typeof containers.create>[0];
    await assert.rejects(containers.create(copy), { code });
  }
  assert.equal(subject.calls.length, made);
});

import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../tests/harness/containers.ts";

const found = (id: string) => ({
  id,
  name: `name-${id}`,
  runtime: "docker",
  running: { namespace: "/nowhere/ns", process: ENDED },
});

Deno.test("an adopted container has a record, a pinned sandbox, and is watched", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter }, containers } = subject;
  const runtimes: string[] = [];
  adopter.adopted.subscribe((runtime) => runtimes.push(runtime));
  await adopter.adopt(found("a"), { given: { prefix: "ns" } });
  const { kind, links, hasRoute, prefix } = containers.store.adopted("a");
  assert.deepEqual([kind, links, hasRoute, prefix], ["adopted", ["eth7"], true, "ns"]);
  assert.deepEqual([subject.calls, runtimes], [["pin", "equip"], ["docker"]]);
  assert.ok(subject.ends.has(ENDED.pid));
  assert.deepEqual(subject.order, []);
});

Deno.test("nothing stays of one whose namespace can't be pinned; one without names is released", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter }, containers } = subject;
  const ports = [{ hostPort: 80, containerPort: 80, protocol: "tcp" as const }];
  for (const failing of ["pin", "equip"]) {
    subject.on = (call) => {
      if (call === failing) throw new Error(`no ${failing}`);
    };
    await assert.rejects(adopter.adopt(found("a"), { ports }), new RegExp(`no ${failing}`));
    assert.equal(containers.store.get("a"), undefined);
    assert.deepEqual([subject.ports.size, subject.namespaces.size], [0, 0]);
  }
});

Deno.test("one that doesn't run is refused, and so is one that was started again just now", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter } } = subject;
  const { running: _, ...stopped } = found("a");
  await assert.rejects(adopter.adopt(stopped), /isn't running; start it first/);
  await adopter.adopt(found("a"));
  await assert.rejects(adopter.adopt(found("a")), { code: "conflict" });
});

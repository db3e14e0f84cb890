import assert from "node:assert/strict";
import { controllerSubject } from "../../../../tests/harness/controllers.ts";
import { checkDetachable, decideBackend } from "./rules.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

async function subject() {
  const all = await controllerSubject();
  await all.networks.create({ name: "front" });
  await all.networks.create({ name: "back" });
  for (const id of [A, B]) await all.container(id);
  const publish = async (name: string, network = "front") => {
    const { id } = await all.services.publish({ name, network });
    return all.services.current(id).record;
  };
  return Object.assign(all, { publish });
}

Deno.test("each service of a container gets an interface of its own", async () => {
  await using all = await subject();
  const first = await all.publish("web");
  const second = await all.publish("web", "back");
  await all.context.locks.container(A, (held) => all.attachments.attach(held, first.id));
  const decide = (options = {}) =>
    decideBackend(all.context, { service: second, container: A, ...options }).service.backend!;
  assert.equal(decide().interface, "eth1");
  assert.equal(decide({ prefix: "net" }).interface, "net0");
  assert.equal(decide({ interface: "lan" }).interface, "lan");
  assert.throws(() => decide({ interface: "eth0" }), { code: "exists", message: /another name/ });
  assert.throws(
    () => decideBackend(all.context, { service: second, container: "c".repeat(64) }),
    { code: "not_found" },
  );
});

Deno.test("a backend is taken by who names it, or by force", async () => {
  await using all = await subject();
  const { id } = await all.publish("web");
  const check = (
    options: Parameters<typeof checkDetachable>[1] extends infer O ? Omit<O, "service">
      : never,
  ) => checkDetachable(all.context, { ...options, service: all.services.current(id).record });
  assert.throws(() => check({}), { message: /has no backend/ });
  check({ force: true });
  await all.context.locks.container(A, (held) => all.attachments.attach(held, id));
  check({ wanted: { id: A } });
  assert.throws(() => check({ wanted: { id: B, name: "other" } }), {
    message: /"other" doesn't back service "web.front"; "name-aaaa" does/,
  });
});

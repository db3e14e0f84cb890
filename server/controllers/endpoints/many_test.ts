import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const [A, B, C] = ["a", "b", "c"].map((letter) => letter.repeat(64)) as [string, string, string];

/** A network with a service that may have many backends, and three containers. */
async function subject() {
  const all = await controllerSubject();
  await all.networks.create({ name: "front" });
  for (const id of [A, B, C]) await all.container(id);
  const { attachments, context, services } = all;
  const { id } = await services.publish({
    ...{ name: "web", network: "front", mode: "dnsrr", aliases: ["www"] },
    ports: [{ port: 80, protocol: "tcp" }],
  });
  all.bridge.calls.length = 0;
  const detach = (service: string) => {
    const { container } = services.current(service).record.backend!;
    return context.locks.container(
      container,
      (held) => attachments.detach(held, service, { force: true }),
    );
  };
  return Object.assign(all, {
    id,
    attach: (container: string, service = id) =>
      context.locks.container(container, (held) => attachments.attach(held, service)),
    detach,
    shown: () => services.info("web.front"),
    part: (container: string) =>
      context.state.partsOf(id).find(({ record }) => record.backend!.container === container)!
        .record,
  });
}

Deno.test("each backend has an endpoint, with an address and a MAC of its own", async () => {
  await using all = await subject();
  const empty = await all.shown();
  assert.deepEqual([empty.mode, empty.addresses, empty.mac, empty.backends], ["dnsrr", [], "", []]);
  await Promise.all([A, B, C].map((container) => all.attach(container)));
  const { backends = [], backend } = await all.shown();
  assert.equal(backend, undefined);
  assert.deepEqual(backends.map(({ container }) => container.id).sort(), [A, B, C]);
  assert.equal(new Set(backends.flatMap(({ addresses }) => addresses)).size, 3);
  assert.equal(new Set(backends.map(({ mac }) => mac)).size, 3);
  assert.deepEqual(
    backends.map(({ weight, state }) => [weight, state]),
    Array(3).fill([1, "active"]),
  );
  assert.deepEqual(all.bridge.calls, ["join", "join", "join"]);
  await assert.rejects(all.attach(A), {
    code: "in_use",
    message: /"name-aaaa" is attached to service "web.front" already/,
  });
  assert.deepEqual((await all.services.list()).map(({ name }) => name), ["web"]);
  assert.deepEqual([...(await all.services.counts()).values()], [1]);
  assert.deepEqual(all.order, []);
});

Deno.test("a backend goes with its endpoint, and gets its address again when it comes back", async () => {
  await using all = await subject();
  for (const container of [A, B]) await all.attach(container);
  const { addresses, mac, id } = all.part(A);
  await all.detach(id);
  assert.deepEqual((await all.shown()).backends!.map(({ container }) => container.id), [B]);
  assert.equal(
    all.context.state.hasAddress(all.part(B).network, addresses[0]!.split("/")[0]!),
    false,
  );
  await all.attach(C);
  assert.notDeepEqual(all.part(C).addresses, addresses);
  await all.attach(A);
  assert.deepEqual([all.part(A).addresses, all.part(A).mac], [addresses, mac]);
  assert.deepEqual(all.bridge.calls, ["join", "join", "leave", "join", "join"]);
  assert.deepEqual(all.order, []);
});

Deno.test("an attach that fails in the kernel leaves no endpoint, and the others as they are", async () => {
  await using all = await subject();
  await all.attach(A);
  all.bridge.on = (call) => {
    if (call === "join") throw new Error("on purpose");
  };
  await assert.rejects(all.attach(B), /on purpose/);
  assert.deepEqual((await all.shown()).backends!.map(({ container }) => container.id), [A]);
});

Deno.test("it is unpublished without backends, and names those that it has", async () => {
  await using all = await subject();
  await all.attach(A);
  await assert.rejects(all.services.unpublish(all.id), { code: "in_use", message: /name-aaaa/ });
  await assert.rejects(all.networks.remove("front"), {
    message: /1 service: web;/,
  });
  await all.detach(all.part(A).id);
  await all.services.unpublish(all.id);
  assert.equal(all.context.state.services.size, 0);
  const left = await all.store.store.list("");
  const kinds = new Set(left.map(({ key }) => key.split("/")[0]));
  assert.deepEqual(["services", "endpoints", "addresses", "macs"].filter((k) => kinds.has(k)), []);
});

Deno.test("unpublishing and attaching at once leave either a backend or nothing", async () => {
  for (let i = 0; i < 5; i++) {
    await using all = await subject();
    await Promise.allSettled([all.attach(A), all.services.unpublish(all.id)]);
    const endpoints = await all.store.store.list("endpoints/");
    const services = await all.store.store.list("services/");
    assert.ok(services.length >= endpoints.length, "no endpoint without its service");
  }
});

Deno.test("weights, draining and the mode change while it lives, all or nothing", async () => {
  await using all = await subject();
  for (const container of [A, B]) await all.attach(container);
  const weights = [{ container: A, weight: 7 }];
  const updated = await all.services.update("web.front", { weights, drain: ["name-aaaa", B] });
  const terms = ({ backends = [] }: typeof updated) =>
    backends.map(({ container, weight, state }) => [container.id, weight, state]);
  assert.deepEqual(terms(updated), [[A, 7, "draining"], [B, 1, "draining"]]);
  const again = await all.services.update("web.front", { activate: [A] });
  assert.deepEqual(terms(again), [[A, 7, "active"], [B, 1, "draining"]]);
  const refused: [Parameters<typeof all.services.update>[1], RegExp][] = [
    [{ activate: [B], weights: [{ container: C, weight: 2 }] }, /2 backends: name-aaaa, name-bbbb/],
    [{ drain: [A], activate: [A] }, /Either drain or activate/],
    [{ mode: "single" }, /2 backends: name-aaaa, name-bbbb; detach them first/],
    [{ mode: "single", drain: [A] }, /mode first/],
  ];
  for (const [request, message] of refused) {
    await assert.rejects(all.services.update("web.front", request), { message });
  }
  assert.deepEqual(terms(await all.shown()), terms(again));
  for (const container of [A, B]) await all.detach(all.part(container).id);
  const single = await all.services.update("web.front", { mode: "single" });
  assert.deepEqual([single.mode, single.addresses.length, single.aliases], ["single", 1, ["www"]]);
  await all.attach(C);
  await assert.rejects(all.attach(A), { code: "in_use", message: /"name-cccc"; detach it first/ });
  await assert.rejects(all.services.update("web.front", { mode: "dnsrr" }), { code: "in_use" });
  await all.detach(all.id);
  const many = await all.services.update("web.front", { mode: "dnsrr" });
  assert.deepEqual([many.addresses, many.mac], [[], ""]);
  assert.deepEqual(await all.store.store.list("addresses/"), []);
  assert.deepEqual(all.order, []);
});

Deno.test("what only a service of its own address can have is refused by its mode", async () => {
  await using all = await subject();
  for (const wish of [{ ips: ["10.99.0.7"] }, { mac: "02:00:00:00:00:07" }]) {
    await assert.rejects(
      all.services.publish({ name: "db", network: "front", mode: "dnsrr", ...wish }),
      { code: "invalid", message: /of mode dnsrr each of its backends has its own; leave it out/ },
    );
  }
});

Deno.test("mode vip: the address is the service's until it is unpublished, and its name's again", async () => {
  await using all = await subject();
  const ports = [{ port: 80, protocol: "tcp", target: 8080 }] as const;
  const request = { name: "db", network: "front", mode: "vip", ports: [...ports] } as const;
  const { id, addresses, mac } = await all.services.publish({ ...request, ports: [...ports] });
  assert.deepEqual([addresses.length, mac], [1, ""]);
  await all.attach(A, id);
  await all.attach(B, id);
  const { backends } = await all.services.info("db.front");
  assert.equal(new Set([...addresses, ...backends!.flatMap(({ addresses }) => addresses)]).size, 3);
  const changed = await all.services.update("db.front", {
    ...{ mode: "dnsrr", ports: [{ port: 80, protocol: "tcp" }] },
  });
  assert.deepEqual([changed.addresses, changed.backends!.length], [[], 2], "backends stay");
  const { addresses: again } = await all.services.update("db.front", {
    ...{ mode: "vip", ports: [...ports] },
  });
  for (const { record } of all.context.state.partsOf(id)) await all.detach(record.id);
  await all.services.unpublish(id);
  await all.services.publish({ name: "other", network: "front" });
  const back = await all.services.publish({ ...request, ports: [...ports] });
  assert.deepEqual(back.addresses, again);
  const single = await all.services.update("db.front", {
    ...{ mode: "single", ports: [{ port: 80, protocol: "tcp" }] },
  });
  assert.deepEqual(single.addresses, again, "as the address of its one endpoint");
  assert.deepEqual(all.order, []);
});

Deno.test("mode vip: ports are needed, each once; a port to lead to is for it alone", async () => {
  await using all = await subject();
  const port = { port: 80, protocol: "tcp" } as const;
  const publish = (more: Partial<Parameters<typeof all.services.publish>[0]>) =>
    all.services.publish({ name: "db", network: "front", mode: "vip", ports: [port], ...more });
  await assert.rejects(publish({ ports: [] }), { message: /needs a port/ });
  await assert.rejects(publish({ ports: [port, port] }), { message: /port 80\/tcp twice/ });
  await assert.rejects(publish({ mac: "02:00:00:00:00:07" }), { message: /leave it out/ });
  for (const mode of ["single", "dnsrr"] as const) {
    await assert.rejects(publish({ mode, ports: [{ ...port, target: 8080 }] }), {
      message: /no address to lead from/,
    });
  }
  const { addresses } = await publish({ ips: ["10.99.0.77"] });
  assert.deepEqual(addresses, ["10.99.0.77/24"]);
  await assert.rejects(all.services.update("db.front", { ports: [] }), { message: /needs a port/ });
});

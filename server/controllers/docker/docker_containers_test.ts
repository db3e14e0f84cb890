import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { dockerSubject } from "../../../tests/harness/docker_api.ts";

const WEB = "a".repeat(64);
const wanted = { mode: "net", endpoints: [] };

Deno.test("the engine is followed once by all, and what it removes by itself is forgotten", async () => {
  await using subject = await dockerSubject();
  const { engine, docker } = subject;
  await until("it is followed", () => engine.followers === 1);
  engine.containers.push({ id: WEB, name: "web" });
  await docker.desired.save(WEB, wanted);
  engine.tell("die", WEB);
  engine.tell("start", WEB);
  // What was told before has been looked at by the time that this has an effect.
  engine.containers.pop();
  engine.tell("destroy", WEB);
  await until("it is forgotten", () => docker.desired.ids().length === 0);
  assert.equal(engine.followers, 1);
});

Deno.test("addresses that containers ask for are given to nobody else", async () => {
  await using subject = await dockerSubject();
  const { docker, ask } = subject;
  const subnet = { Subnet: "10.9.0.0/29", Gateway: "10.9.0.1" };
  const { body: { Id } } = await ask("POST /networks/create", {
    ...{ Name: "net", IPAM: { Config: [subnet] } },
  });
  const endpoint = { network: Id, name: "net", aliases: [], links: [], ips: ["10.9.0.2"] };
  await docker.desired.save(WEB, { mode: "net", endpoints: [endpoint] });
  const { id } = await docker.services.publish({ name: "other", network: Id });
  const { addresses } = (await docker.services.list(Id)).find((service) => service.id === id)!;
  assert.deepEqual(addresses, ["10.9.0.3/29"]);
});

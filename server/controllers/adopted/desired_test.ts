import assert from "node:assert/strict";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { Mirror } from "../../model/mirror.ts";
import { Desired, inOrder } from "./desired.ts";

const endpoint = (network: string, ips: string[] = []) => ({
  ...{ network, name: network, aliases: [], links: [], ips },
});
const service = (id: string) => ({ service: id, network: "n", name: "net", links: [] });

async function subject() {
  await using stack = new AsyncDisposableStack();
  const { store } = stack.use(await CuttableStore.open());
  const local = stack.adopt(await Mirror.open(store), (opened) => opened.close());
  const rest = stack.move();
  const desired = new Desired(local);
  return { local, desired, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("front doors that write at once lose nothing of each other's", async () => {
  await using all = await subject();
  const { desired } = all;
  await Promise.all([
    desired.save("c", { mode: "a", endpoints: [endpoint("a")] }),
    desired.follow("c", service("s1")),
    desired.follow("c", service("s2")),
  ]);
  assert.deepEqual(desired.networks("c"), { mode: "a", endpoints: [endpoint("a")] });
  assert.deepEqual(desired.followed("c").map(({ service }) => service).sort(), ["s1", "s2"]);
  await desired.save("c", { mode: "a", endpoints: [] });
  await desired.unfollow("c", "s1");
  assert.deepEqual(desired.networks("c"), { mode: "a", endpoints: [] });
  assert.deepEqual(desired.followed("c").map(({ service }) => service), ["s2"]);
  await desired.forget("c");
  assert.deepEqual(desired.ids(), []);
});

Deno.test("a container that follows services alone is none that a client of Docker's put anywhere", async () => {
  await using all = await subject();
  const { desired } = all;
  await desired.follow("c", service("s1"));
  assert.equal(desired.networks("c"), undefined);
  await desired.unfollow("c", "s1");
  await desired.unfollow("c", "s1");
  assert.deepEqual(desired.ids(), []);
});

Deno.test("what is announced is claimed once, by one container", async () => {
  await using all = await subject();
  const { desired, local } = all;
  const wanted = { mode: "a", endpoints: [endpoint("a", ["10.0.0.9"])] };
  const [claimed, withdrawn] = [await desired.announce(wanted), await desired.announce(wanted)];
  assert.deepEqual(desired.unclaimed().sort(), [claimed, withdrawn].sort());
  await desired.claim(claimed, "c", wanted);
  await desired.withdraw(withdrawn, claimed);
  assert.deepEqual(desired.unclaimed(), []);
  assert.equal(desired.announced(claimed), undefined);
  // Also in the eyes of the next daemon.
  for (const one of [desired, new Desired(local)]) {
    assert.deepEqual(one.networks("c"), wanted);
    assert.deepEqual(one.fixedAddresses("a"), ["10.0.0.9"]);
    assert.deepEqual(one.fixedAddresses("b"), []);
  }
  await desired.forget("c");
  assert.deepEqual(desired.fixedAddresses("a"), []);
});

Deno.test("inOrder() puts who leads out first", () => {
  const at = (name: string, gwPriority?: number) => ({
    ...endpoint(name),
    ...gwPriority !== undefined && { gwPriority },
  });
  const all = [at("c"), at("b", 5), at("a", -1), at("B")];
  assert.deepEqual(inOrder(all).map(({ name }) => name), ["b", "B", "c", "a"]);
});

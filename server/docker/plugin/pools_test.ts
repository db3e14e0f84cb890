import assert from "node:assert/strict";
import type { PoolRecord } from "../../model/repository/docker.ts";
import { answerPool, checkSubnets, isNobodys, nobodysGateway } from "./pools.ts";

const network = {
  name: "prod",
  pools: [
    { family: 4 as const, subnet: "10.7.0.0/24" },
    { family: 6 as const, subnet: "fd00:7::/64" },
  ],
};
const question = { family: 4 as const, wanted: "", range: "", again: false };

Deno.test("answerPool() answers nothing in particular until the network is known", () => {
  assert.equal(answerPool(question), "0.0.0.0/0");
  assert.equal(answerPool({ ...question, family: 6 }), "::/0");
  assert.equal(answerPool({ ...question, network }), "10.7.0.0/24");
  assert.equal(answerPool({ ...question, family: 6, network }), "fd00:7::/64");
});

Deno.test("answerPool() ends Docker's search for a subnet that no route overlaps", () => {
  assert.equal(answerPool({ ...question, network, again: true }), "0.0.0.0/0");
});

Deno.test("answerPool() takes the user's subnet, if it is the network's", () => {
  assert.equal(answerPool({ ...question, wanted: "10.9.0.0/24" }), "10.9.0.0/24");
  assert.equal(answerPool({ ...question, wanted: "10.7.0.0/24", network }), "10.7.0.0/24");
  assert.throws(() => answerPool({ ...question, wanted: "10.9.0.0/24", network }), /isn't that/);
  assert.throws(() => answerPool({ ...question, range: "10.7.0.0/28" }), /leave --ip-range out/);
  const v4 = { ...network, pools: network.pools.slice(0, 1) };
  assert.throws(() => answerPool({ ...question, family: 6, network: v4 }), /no IPv6 addresses/);
  checkSubnets(network, ["0.0.0.0/0", "fd00:7::/64"]);
});

Deno.test("nobodysGateway() gives one that no other pool has", () => {
  const taken: PoolRecord[] = [];
  for (let i = 0; i < 500; i++) {
    for (const family of [4, 6] as const) {
      const gateway = nobodysGateway(family, taken);
      assert.ok(isNobodys(gateway) && !taken.some((pool) => pool.gateway === gateway));
      taken.push({ id: `${i}`, family, pool: "", gateway, created: "" });
    }
  }
  assert.ok(!isNobodys("10.7.0.1/24"));
});

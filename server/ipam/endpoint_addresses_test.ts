import assert from "node:assert/strict";
import type { Pool } from "../../lib/api/types.ts";
import { pickAddresses, type PickManyOptions } from "./endpoint_addresses.ts";

const SMALL: Pool = { family: 4, subnet: "10.7.0.0/30", gateway: "10.7.0.1" };
const NEXT: Pool = { family: 4, subnet: "10.8.0.0/24", range: "10.8.0.128/25" };
const SIX: Pool = { family: 6, subnet: "fd00::/64" };

function pick(pools: Pool[], options: Partial<PickManyOptions> = {}, owned: string[] = []) {
  return pickAddresses({
    network: { id: "f".repeat(64), name: "net", pools },
    taken: (ip) => owned.includes(ip),
    quarantined: () => undefined,
    wanted: [],
    previous: [],
    cursors: new Map(),
    ...options,
  });
}

Deno.test("pickAddresses() gives one of each family, IPv4 first", () => {
  assert.deepEqual(pick([SIX, SMALL, NEXT]), ["10.7.0.2/30", "fd00::1/64"]);
  assert.deepEqual(pick([]), []);
});

Deno.test("pickAddresses() goes to the next pool when one is full, with the pool's own prefix", () => {
  assert.deepEqual(pick([SMALL, NEXT], {}, ["10.7.0.2"]), ["10.8.0.128/24"]);
  assert.throws(() => pick([SMALL], {}, ["10.7.0.2"]), { code: "exhausted" });
  assert.throws(() =>
    pick([SMALL, { ...SMALL, subnet: "10.9.0.0/30", gateway: "10.9.0.1" }], {}, [
      "10.7.0.2",
      "10.9.0.2",
    ]), { code: "exhausted", message: /10\.7\.0\.0\/30/ });
});

Deno.test("pickAddresses() lets an address rest while another pool has room", () => {
  const quarantined = (ip: string) => ip === "10.7.0.2" ? 1 : undefined;
  assert.deepEqual(pick([SMALL, NEXT], { quarantined }), ["10.8.0.128/24"]);
  assert.deepEqual(pick([SMALL], { quarantined }), ["10.7.0.2/30"]);
  assert.deepEqual(pick([SMALL, NEXT], { quarantined, previous: ["10.7.0.2/30"] }), [
    "10.7.0.2/30",
  ]);
});

Deno.test("pickAddresses() gives back what the service had, in whichever pool", () => {
  const previous = ["10.8.0.7/24", "fd00::7/64"];
  assert.deepEqual(pick([SMALL, NEXT, SIX], { previous }), previous);
  assert.deepEqual(pick([SMALL, NEXT, SIX], { previous }, ["10.8.0.7"]), [
    "10.8.0.128/24",
    "fd00::7/64",
  ]);
});

Deno.test("pickAddresses() takes what is asked for from the pool that holds it", () => {
  assert.deepEqual(pick([SMALL, NEXT, SIX], { wanted: ["FD00::9", "10.8.0.3"] }), [
    "10.8.0.3/24",
    "fd00::9/64",
  ]);
  const refusals: [string[], RegExp][] = [
    [
      ["10.9.0.1"],
      /^The address 10\.9\.0\.1 is outside all subnets 10\.7\.0\.0\/30, 10\.8\.0\.0\/24; /,
    ],
    [["10.7.0.2", "10.8.0.3"], /^Two IPv4 addresses for one service; give one$/],
    [["fd00::1"], /^The network "net" has no IPv6 addresses, so not fd00::1 either$/],
  ];
  for (const [wanted, message] of refusals) {
    assert.throws(() => pick([SMALL, NEXT], { wanted }), { code: "invalid", message });
  }
  assert.throws(() => pick([SMALL, NEXT], { wanted: ["10.7.0.1"] }), { code: "exists" });
});

Deno.test("pickAddresses() goes on behind the last one, in each pool and network", () => {
  const cursors = new Map<string, string>();
  const next = () => pick([NEXT, SIX], { cursors });
  assert.deepEqual(next(), ["10.8.0.128/24", "fd00::1/64"]);
  assert.deepEqual(next(), ["10.8.0.129/24", "fd00::2/64"]);
  assert.equal(cursors.size, 2);
});

Deno.test("pickAddresses() passes over some addresses after conflicts, and finds the last one all the same", () => {
  const network = {
    ...{ id: "n", name: "n" },
    pools: [{ family: 4 as const, subnet: "10.0.0.0/24", gateway: "10.0.0.1" }],
  };
  const taken = new Set<string>();
  const pick = (conflicts: number) =>
    pickAddresses({
      ...{ network, wanted: [], previous: [], conflicts },
      taken: (ip) => taken.has(ip),
      quarantined: () => undefined,
      cursors: new Map([["n/10.0.0.0/24", "10.0.0.9"]]),
    })[0]!;
  assert.equal(pick(0), "10.0.0.10/24");
  const seen = new Set(Array.from({ length: 200 }, () => pick(5)));
  assert.ok(seen.size > 10, `${seen.size} different ones`);
  for (let i = 2; i < 255; i++) if (i !== 77) taken.add(`10.0.0.${i}`);
  for (let i = 0; i < 20; i++) assert.equal(pick(12), "10.0.0.77/24");
});

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Pool } from "../../lib/api/types.ts";
import { pickAddress, type PickOptions } from "./allocator.ts";
import { cidrContains, formatIp, lastIp, parseCidr, parseIp } from "../../lib/ip/cidr.ts";
import { isHostAddress } from "./network_pools.ts";

const POOL: Pool = { family: 4, subnet: "10.7.0.0/29", gateway: "10.7.0.1" };

/** Picks with defaults: nothing is taken, nothing rests. */
function pick(pool: Pool, options: Partial<PickOptions> = {}): string {
  return pickAddress({ pool, taken: () => false, quarantined: () => undefined, ...options });
}

const oneOf = (...ips: string[]) => (ip: string) => ips.includes(ip);

Deno.test("pickAddress() begins behind the gateway", () => {
  assert.equal(pick(POOL), "10.7.0.2");
  assert.equal(pick({ ...POOL, gateway: "10.7.0.3" }), "10.7.0.1");
  assert.equal(pick({ family: 6, subnet: "fd00::/64", gateway: "fd00::1" }), "fd00::2");
  assert.equal(pick({ family: 4, subnet: "10.7.0.4/30", gateway: "10.7.0.5" }), "10.7.0.6");
});

Deno.test("pickAddress() goes on behind the cursor and wraps", () => {
  assert.equal(pick(POOL, { cursor: "10.7.0.4" }), "10.7.0.5");
  assert.equal(pick(POOL, { cursor: "10.7.0.6" }), "10.7.0.2");
  assert.equal(pick(POOL, { cursor: "10.7.0.7" }), "10.7.0.2");
  assert.equal(
    pick(POOL, { cursor: "10.7.0.3", taken: oneOf("10.7.0.4", "10.7.0.6") }),
    "10.7.0.5",
  );
  assert.equal(pick(POOL, { cursor: "10.99.0.1" }), "10.7.0.2", "a cursor of another time");
  assert.equal(pick(POOL, { cursor: "10.0.0.1" }), "10.7.0.2");
});

Deno.test("pickAddress() stays inside the range", () => {
  const pool = { ...POOL, subnet: "10.7.0.0/24", range: "10.7.0.128/30" };
  const taken = new Set<string>();
  for (let i = 0; i < 4; i++) taken.add(pick(pool, { taken: (ip) => taken.has(ip) }));
  assert.deepEqual([...taken], ["10.7.0.128", "10.7.0.129", "10.7.0.130", "10.7.0.131"]);
  assert.throws(() => pick(pool, { taken: (ip) => taken.has(ip) }), {
    code: "exhausted",
    message: /^No free address is left in the range 10\.7\.0\.128\/30 \(4 addresses\); /,
  });
  assert.equal(pick({ ...pool, range: "10.7.0.252/30" }, { cursor: "10.7.0.254" }), "10.7.0.252");
});

Deno.test("pickAddress() gives the previous address back when it is free", () => {
  assert.equal(pick(POOL, { previous: "10.7.0.5", cursor: "10.7.0.2" }), "10.7.0.5");
  assert.equal(pick(POOL, { previous: "10.7.0.5", quarantined: () => 1 }), "10.7.0.5");
  assert.equal(pick(POOL, { previous: "10.7.0.5", taken: oneOf("10.7.0.5") }), "10.7.0.2");
  const ranged = { ...POOL, range: "10.7.0.4/30" };
  assert.equal(pick(ranged, { previous: "10.7.0.2" }), "10.7.0.2", "a static one of before");
  for (const previous of ["10.7.0.0", "10.7.0.1", "10.7.0.7", "10.8.0.2", "fd00::2"]) {
    assert.equal(pick(POOL, { previous }), "10.7.0.2", `${previous} is no host's any more`);
  }
});

Deno.test("pickAddress() lets freed addresses rest, then takes the longest rested", () => {
  const since: Record<string, number> = { "10.7.0.2": 300, "10.7.0.3": 100, "10.7.0.5": 200 };
  const quarantined = (ip: string) => since[ip];
  assert.equal(pick(POOL, { quarantined }), "10.7.0.4");
  assert.equal(pick(POOL, { quarantined, taken: oneOf("10.7.0.4") }), "10.7.0.6");
  const taken = oneOf("10.7.0.4", "10.7.0.6");
  assert.equal(pick(POOL, { quarantined, taken }), "10.7.0.3");
  assert.equal(pick(POOL, { quarantined, taken, cursor: "10.7.0.4" }), "10.7.0.3");
});

Deno.test("pickAddress() gives the wanted address, outside the range too", () => {
  const pool = { ...POOL, subnet: "10.7.0.0/24", range: "10.7.0.128/25", aux: { a: "10.7.0.9" } };
  assert.equal(pick(pool, { wanted: "10.7.0.5" }), "10.7.0.5");
  assert.equal(pick(pool, { wanted: "10.7.0.5", quarantined: () => 1 }), "10.7.0.5");
  assert.equal(pick(pool, { wanted: "10.7.0.5", previous: "10.7.0.6" }), "10.7.0.5");
  const six: Pool = { family: 6, subnet: "fd00::/64", gateway: "fd00::1" };
  assert.equal(pick(six, { wanted: "FD00:0::00A" }), "fd00::a");
});

Deno.test("pickAddress() says why a wanted address can't be had", () => {
  const pool = { ...POOL, aux: { printer: "10.7.0.6" } };
  const refusals: [string, string, RegExp][] = [
    ["10.7.0.0", "invalid", /^The address 10\.7\.0\.0 is no host's in the subnet 10\.7\.0\.0\/29/],
    ["10.7.0.7", "invalid", /^The address 10\.7\.0\.7 is no host's in the subnet/],
    ["10.8.0.2", "invalid", /^The address 10\.8\.0\.2 is outside the subnet 10\.7\.0\.0\/29/],
    ["fd00::2", "invalid", /outside the subnet/],
    ["10.7.0", "invalid", /^Invalid address "10\.7\.0"/],
    ["10.7.0.1", "exists", /^The address 10\.7\.0\.1 is the gateway; choose another$/],
    ["10.7.0.6", "exists", /^The address 10\.7\.0\.6 is reserved for "printer"; choose another$/],
    ["10.7.0.2", "exists", /^The address 10\.7\.0\.2 is already in use; choose another$/],
  ];
  for (const [wanted, code, message] of refusals) {
    assert.throws(() => pick(pool, { wanted, taken: oneOf("10.7.0.2") }), { code, message });
  }
  const six: Pool = { family: 6, subnet: "fd00::/64", gateway: "fd00::1" };
  assert.throws(() => pick(six, { wanted: "fd00:0::01" }), { code: "exists", message: /gateway/ });
  assert.throws(() => pick(six, { wanted: "FD00::2", taken: oneOf("fd00::2") }), {
    code: "exists",
  });
});

Deno.test("pickAddress() says how large a full subnet is", () => {
  assert.throws(() => pick(POOL, { taken: () => true }), {
    code: "exhausted",
    message:
      "No free address is left in the subnet 10.7.0.0/29 (8 addresses); unpublish a service " +
      "or use a network with a larger one",
  });
});

Deno.test("pickAddress() fills a /16 to the last address", () => {
  const pool: Pool = { family: 4, subnet: "10.7.0.0/16", gateway: "10.7.0.1" };
  const taken = new Set<string>();
  let cursor: string | undefined;
  for (let i = 0; i < 65_533; i++) {
    cursor = pick(pool, { cursor, taken: (ip) => taken.has(ip) });
    taken.add(cursor);
  }
  assert.equal(taken.size, 65_533);
  for (const ip of ["10.7.0.0", "10.7.0.1", "10.7.255.255"]) assert.ok(!taken.has(ip), ip);
  assert.throws(() => pick(pool, { cursor, taken: (ip) => taken.has(ip) }), { code: "exhausted" });
  taken.delete("10.7.99.99");
  assert.equal(pick(pool, { cursor, taken: (ip) => taken.has(ip) }), "10.7.99.99");
});

Deno.test("pickAddress() never looks at all of an IPv6 /64", () => {
  const pool: Pool = { family: 6, subnet: "fd00::/64", gateway: "fd00::1" };
  let asked = 0;
  const taken = (ip: string) => {
    asked++;
    return parseIp(ip).value < parseIp("fd00::2000").value;
  };
  assert.equal(pick(pool, { taken }), "fd00::2000");
  assert.ok(asked < 0x2001);
  assert.equal(pick(pool, { taken, cursor: "fd00::ffff:ffff:ffff:ffff" }), "fd00::2000");
});

/** Pools of at most 32 addresses, with whatever a user can add. */
const pool: fc.Arbitrary<Pool> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  size: fc.integer({ min: 2, max: 5 }),
  gateway: fc.nat(),
  aux: fc.uniqueArray(fc.nat({ max: 31 }), { maxLength: 3 }),
  range: fc.option(fc.record({ size: fc.integer({ min: 0, max: 5 }), at: fc.nat({ max: 31 }) })),
}).map(({ family, size, gateway, aux, range }) => {
  const bits = family === 4 ? 32 : 128;
  const base = family === 4 ? "10.7.0.32" : "fd00::20";
  const subnet = parseCidr(`${base}/${bits - size}`);
  const at = (n: number) => formatIp({ family, value: subnet.value + BigInt(n) });
  const hosts = 2 ** size - 2;
  const chosen = aux.filter((n) => isHostAddress(subnet, parseIp(at(n))));
  const inner = range && Math.min(range.size, size);
  return {
    family,
    subnet: `${base}/${bits - size}`,
    gateway: at(1 + gateway % hosts),
    aux: Object.fromEntries(chosen.map((n) => [`aux${n}`, at(n)])),
    ...range && {
      range: `${at(((range.at % 2 ** size) >> inner!) << inner!)}/${bits - inner!}`,
    },
  };
});

/** All addresses that the rules allow. */
function allowed(pool: Pool): Set<string> {
  const [subnet, range] = [parseCidr(pool.subnet), parseCidr(pool.range ?? pool.subnet)];
  const set = new Set<string>();
  for (let value = subnet.value; value <= lastIp(subnet).value; value++) {
    const ip = { family: pool.family, value };
    const text = formatIp(ip);
    const reserved = [pool.gateway, ...Object.values(pool.aux ?? {})].includes(text);
    const edge = value === subnet.value ||
      (pool.family === 4 && value === lastIp(subnet).value);
    if (!reserved && !edge && cidrContains(range, ip)) set.add(text);
  }
  return set;
}

Deno.test("pickAddress() hands out each allowed address once, in any history", () => {
  const act = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ type: "pick" as const }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("free" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("back" as const), which: fc.nat() }) },
  );
  fc.assert(
    fc.property(pool, fc.array(act, { maxLength: 80 }), (pool, acts) => {
      const all = allowed(pool);
      const taken = new Set<string>();
      const resting = new Map<string, number>();
      let cursor: string | undefined;
      for (const [now, act] of acts.entries()) {
        if (act.type === "free") {
          const ip = [...taken][act.which % (taken.size || 1)];
          if (ip !== undefined && taken.delete(ip)) resting.set(ip, now);
          continue;
        }
        const previous = act.type === "back" ? [...all][act.which % (all.size || 1)] : undefined;
        const options: PickOptions = {
          pool,
          taken: (ip) => taken.has(ip),
          quarantined: (ip) => resting.get(ip),
          cursor,
          ...previous !== undefined && { previous },
        };
        const free = [...all].filter((ip) => !taken.has(ip));
        if (free.length === 0) {
          assert.throws(() => pickAddress(options), { code: "exhausted" });
          continue;
        }
        const ip = pickAddress(options);
        assert.ok(free.includes(ip), `${ip} is not free in ${JSON.stringify(pool)}`);
        if (previous !== undefined && free.includes(previous)) assert.equal(ip, previous);
        else if (resting.has(ip)) {
          assert.ok(free.every((other) => resting.has(other)), "a rested one was there");
          assert.equal(resting.get(ip), Math.min(...free.map((other) => resting.get(other)!)));
        }
        taken.add(ip);
        resting.delete(ip);
        cursor = ip;
      }
    }),
    { numRuns: 500 },
  );
});

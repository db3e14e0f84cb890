import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bitsOf,
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  makeCidr,
  parseCidr,
} from "../../lib/ip/cidr.ts";
import {
  type AddressPool,
  DEFAULT_IPV4_POOLS,
  parseAddressPool,
  pickPool,
  uniqueLocalPool,
} from "./default_pools.ts";

const defaults = DEFAULT_IPV4_POOLS.map(parseAddressPool);
const pick = (pools: AddressPool[], ...taken: string[]) =>
  formatCidr(pickPool({ family: pools[0]!.base.family, pools, taken: taken.map(parseCidr) }));

Deno.test("parseAddressPool() reads its three forms", () => {
  const forms: Record<string, [string, number]> = {
    "base=172.16.0.0/12,size=20": ["172.16.0.0/12", 20],
    "10.0.0.0/8:24": ["10.0.0.0/8", 24],
    "10.7.0.0/24": ["10.7.0.0/24", 24],
    "base=fd00:7::/48,size=64": ["fd00:7::/48", 64],
    "fd00:7::/48:64": ["fd00:7::/48", 64],
    "fd00:7::/64": ["fd00:7::/64", 64],
  };
  for (const [text, [base, size]] of Object.entries(forms)) {
    assert.deepEqual(parseAddressPool(text), { base: parseCidr(base), size }, text);
  }
});

Deno.test("parseAddressPool() says what is wrong", () => {
  const wrong: Record<string, RegExp> = {
    "": /^Invalid address pool ""; write it like base=172\.16\.0\.0\/12,size=20$/,
    "base=10.0.0.0/8": /write it like/,
    "size=20,base=10.0.0.0/8": /write it like/,
    "base=10.0.0.0/8,size=x": /write it like/,
    "base=10.0.0.0/8,size=20,": /write it like/,
    "10.0.0.0": /write it like/,
    "base=10.0.0.1/8,size=20": /did you mean 10\.0\.0\.0\/8/,
    "base=10.0.0/8,size=20": /Invalid CIDR "10\.0\.0\/8"/,
    "base=10.0.0.0/8,size=7": /the size must be between 8 and 30$/,
    "base=10.0.0.0/8,size=31": /the size must be between 8 and 30$/,
    "base=fd00::/48,size=127": /the size must be between 48 and 126$/,
    "base=127.0.0.0/8,size=24": /overlaps 127\.0\.0\.0\/8 \(loopback\)/,
    "224.0.0.0/4:24": /overlaps 224\.0\.0\.0\/4 \(multicast\)/,
    "fe80::/10:64": /link-local/,
    "0.0.0.0/0:24": /overlaps/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    assert.throws(() => parseAddressPool(text), { code: "invalid", message }, text);
  }
});

Deno.test("uniqueLocalPool() is a /48 of RFC 4193", () => {
  const { base, size } = uniqueLocalPool(Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x9a));
  assert.equal(formatCidr(base), "fd12:3456:789a::/48");
  assert.equal(size, 64);
  assert.equal(pick([{ base, size }]), "fd12:3456:789a::/64");
  assert.equal(pick([{ base, size }], "fd12:3456:789a::/64"), "fd12:3456:789a:1::/64");
});

Deno.test("pickPool() goes from pool to pool", () => {
  assert.equal(pick(defaults), "172.16.0.0/20");
  assert.equal(pick(defaults, "172.16.0.0/12"), "192.168.0.0/24");
  assert.equal(pick(defaults, "172.16.0.0/12", "192.168.0.0/16"), "10.0.0.0/20");
  assert.equal(pick(defaults, "172.0.0.0/8", "192.0.0.0/4", "10.0.0.0/20"), "10.0.16.0/20");
});

Deno.test("pickPool() keeps off larger, smaller and nested obstacles", () => {
  assert.equal(pick(defaults, "172.16.0.0/16"), "172.17.0.0/20");
  assert.equal(pick(defaults, "172.16.5.7/32"), "172.16.16.0/20");
  assert.equal(pick(defaults, "172.16.31.255/32"), "172.16.0.0/20");
  assert.equal(pick(defaults, "172.16.31.255/32", "172.16.0.0/32"), "172.16.32.0/20");
  assert.equal(pick(defaults, "172.16.0.0/13", "172.16.3.0/24", "172.24.0.1/32"), "172.24.16.0/20");
  assert.equal(pick(defaults, "172.17.0.0/16", "fd00::/8"), "172.16.0.0/20");
});

Deno.test("pickPool() names the pools when they are used up", () => {
  const pools = ["10.7.0.0/30", "base=10.8.0.0/29,size=30"].map(parseAddressPool);
  const taken = ["10.7.0.0/16", "10.8.0.0/30", "10.8.0.4/32"];
  assert.throws(() => pick(pools, ...taken), {
    code: "exhausted",
    message: "No free IPv4 subnet is left in the address pools (10.7.0.0/30 in /30, 10.8.0.0/29 " +
      "in /30); choose one with --subnet or add one with --default-address-pool",
  });
  assert.throws(() => pickPool({ family: 6, pools, taken: [] }), {
    code: "exhausted",
    message: /^No free IPv6 subnet is left in the address pools \(none\); /,
  });
});

Deno.test("pickPool() finds the few free subnets among thousands, each once", () => {
  const pools = ["base=10.0.0.0/16,size=28", "base=10.2.0.0/20,size=28"].map(parseAddressPool);
  const all = pools.flatMap(({ base, size }) =>
    Array.from({ length: 2 ** (size - base.prefix) }, (_, i): Cidr => ({
      family: 4,
      prefix: size,
      value: base.value + BigInt(i) * 16n,
    }))
  );
  const free = [0, 1, 777, 4095, 4096, 4351];
  // As they come from the kernel: in no order. 7919 is prime, so each index comes once.
  const taken = all.map((_, i) => (i * 7919) % all.length).filter((i) => !free.includes(i))
    .map((i) => all[i]!);
  for (const i of free) {
    const picked = pickPool({ family: 4, pools, taken });
    assert.equal(formatCidr(picked), formatCidr(all[i]!));
    taken.push(picked);
  }
  assert.throws(() => pickPool({ family: 4, pools, taken }), { code: "exhausted" });
});

Deno.test("pickPool() picks the first subnet that overlaps nothing", () => {
  const base = parseCidr("10.0.0.0/24");
  const block = fc.tuple(fc.integer({ min: 0, max: 1023 }), fc.integer({ min: 20, max: 32 })).map(
    ([low, prefix]) => makeCidr({ family: 4, value: base.value - 256n + BigInt(low) }, prefix),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 24, max: 30 }),
      fc.array(block.filter(({ prefix }) => prefix > 23), { maxLength: 40 }),
      (size, taken) => {
        const step = 1n << BigInt(bitsOf(4) - size);
        let wanted: string | undefined;
        for (let value = base.value; value < base.value + 256n && !wanted; value += step) {
          const candidate: Cidr = { family: 4, prefix: size, value };
          if (!taken.some((other) => cidrsOverlap(other, candidate))) {
            wanted = formatCidr(candidate);
          }
        }
        const options = { family: 4 as const, pools: [{ base, size }], taken };
        if (wanted === undefined) assert.throws(() => pickPool(options), { code: "exhausted" });
        else {
          const picked = pickPool(options);
          assert.equal(formatCidr(picked), wanted);
          assert.ok(cidrContains(base, picked));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

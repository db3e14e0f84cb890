import assert from "node:assert/strict";
import type { CreateNetwork, Pool } from "../../lib/api/types.ts";
import { type Family, parseCidr } from "../../lib/ip/cidr.ts";
import { planPools } from "./network_pools.ts";

const PICKED = { 4: "172.16.0.0/20", 6: "fd12:3456:789a::/64" };

/** The pools of a network called for. */
function plan(request: Omit<CreateNetwork, "name">, picks: Family[] = []): Pool[] {
  return planPools({ name: "n", ...request }, (family) => {
    picks.push(family);
    return parseCidr(PICKED[family]);
  });
}

Deno.test("planPools() picks what the user doesn't say", () => {
  assert.deepEqual(plan({}), [{ family: 4, subnet: "172.16.0.0/20", gateway: "172.16.0.1" }]);
  assert.deepEqual(plan({ ipv6: true }), [
    { family: 4, subnet: "172.16.0.0/20", gateway: "172.16.0.1" },
    { family: 6, subnet: "fd12:3456:789a::/64", gateway: "fd12:3456:789a::1" },
  ]);
});

Deno.test("planPools() picks nothing where a subnet is given", () => {
  const picks: Family[] = [];
  const pools = plan({ subnets: ["FD00:7::/64", "10.7.0.0/24"], ipv6: true }, picks);
  assert.deepEqual(pools, [
    { family: 4, subnet: "10.7.0.0/24", gateway: "10.7.0.1" },
    { family: 6, subnet: "fd00:7::/64", gateway: "fd00:7::1" },
  ]);
  assert.deepEqual(picks, []);
});

Deno.test("planPools() takes an IPv6 subnet beside a picked IPv4 one", () => {
  const picks: Family[] = [];
  assert.deepEqual(plan({ subnets: ["fd00:7::/64"] }, picks).map(({ subnet }) => subnet), [
    PICKED[4],
    "fd00:7::/64",
  ]);
  assert.deepEqual(picks, [4]);
});

Deno.test("planPools() takes everything of both families", () => {
  const pools = plan({
    subnets: ["10.7.0.0/16", "fd00:7::/64"],
    gateways: ["fd00:7::FF", "10.7.255.254"],
    ranges: ["10.7.4.0/24", "fd00:7::1:0/112"],
    aux: { router: "10.7.0.5", printer: "10.7.4.9", six: "FD00:7::0005" },
  });
  assert.deepEqual(pools, [
    {
      family: 4,
      subnet: "10.7.0.0/16",
      gateway: "10.7.255.254",
      range: "10.7.4.0/24",
      aux: { router: "10.7.0.5", printer: "10.7.4.9" },
    },
    {
      family: 6,
      subnet: "fd00:7::/64",
      gateway: "fd00:7::ff",
      range: "fd00:7::1:0/112",
      aux: { six: "fd00:7::5" },
    },
  ]);
});

Deno.test("planPools() takes several subnets of a family, each with its own", () => {
  const pools = plan({
    subnets: ["fd00:8::/64", "10.8.0.0/24", "10.7.0.0/24", "fd00:7::/64"],
    gateways: ["10.7.0.9", "fd00:7::9"],
    ranges: ["10.8.0.128/25"],
    aux: { seven: "10.7.0.5", eight: "10.8.0.1" },
  });
  assert.deepEqual(pools, [
    {
      family: 4,
      subnet: "10.8.0.0/24",
      gateway: "10.8.0.2",
      range: "10.8.0.128/25",
      aux: { eight: "10.8.0.1" },
    },
    { family: 4, subnet: "10.7.0.0/24", gateway: "10.7.0.9", aux: { seven: "10.7.0.5" } },
    { family: 6, subnet: "fd00:8::/64", gateway: "fd00:8::1" },
    { family: 6, subnet: "fd00:7::/64", gateway: "fd00:7::9" },
  ]);
});

Deno.test("planPools() takes the first address that is no auxiliary one as gateway", () => {
  const [pool] = plan({ subnets: ["10.7.0.0/24"], aux: { a: "10.7.0.1", b: "10.7.0.2" } });
  assert.equal(pool?.gateway, "10.7.0.3");
  const [ranged] = plan({ subnets: ["10.7.0.0/24"], ranges: ["10.7.0.128/25"] });
  assert.equal(ranged?.gateway, "10.7.0.1");
});

Deno.test("planPools() takes the smallest subnets that can work", () => {
  assert.equal(plan({ subnets: ["10.7.0.4/30"] })[0]?.gateway, "10.7.0.5");
  assert.equal(plan({ subnets: ["fd00::4/126"] })[1]?.gateway, "fd00::5");
});

const subnet = "10.7.0.0/24";
const ERRORS: [string, Omit<CreateNetwork, "name">, RegExp][] = [
  ["host bits", { subnets: ["10.7.0.1/24"] }, /"10\.7\.0\.1\/24".*did you mean 10\.7\.0\.0\/24\?$/],
  ["no CIDR", { subnets: ["10.7.0.0"] }, /^Invalid CIDR "10\.7\.0\.0"; write it like/],
  ["a /31", { subnets: ["10.7.0.0/31"] }, /10\.7\.0\.0\/31 is too small: use a prefix of \/30 or/],
  ["a /32", { subnets: ["10.7.0.0/32"] }, /too small/],
  ["a /127", { subnets: ["fd00::/127"] }, /too small: use a prefix of \/126 or shorter$/],
  ["a /128", { subnets: ["fd00::/128"] }, /too small/],
  ["everything", { subnets: ["0.0.0.0/0"] }, /overlaps 0\.0\.0\.0\/8/],
  ["everything of IPv6", { subnets: ["::/0"] }, /overlaps/],
  ["this network", { subnets: ["0.0.0.0/24"] }, /overlaps 0\.0\.0\.0\/8 \(addresses of no host\)/],
  ["loopback", { subnets: ["127.7.0.0/16"] }, /overlaps 127\.0\.0\.0\/8 \(loopback\); use a/],
  ["link-local", { subnets: ["169.254.0.0/24"] }, /\(link-local\)/],
  ["multicast", { subnets: ["239.0.0.0/24"] }, /\(multicast\)/],
  ["reserved", { subnets: ["250.0.0.0/24"] }, /\(reserved\)/],
  ["broadcast", { subnets: ["255.255.255.0/24"] }, /\(reserved\)/],
  ["IPv6 loopback", { subnets: ["::/64"] }, /\(loopback\)/],
  ["IPv6 link-local", { subnets: ["fe80::/64"] }, /\(link-local\)/],
  ["IPv6 multicast", { subnets: ["ff05::/64"] }, /\(multicast\)/],
  [
    "one subnet in another",
    { subnets: ["10.0.0.0/8", "fd00::/64", subnet] },
    /^The subnets 10\.0\.0\.0\/8 and 10\.7\.0\.0\/24 of one network overlap; choose others$/,
  ],
  ["one subnet twice", { subnets: [subnet, subnet] }, /of one network overlap/],
  [
    "two gateways",
    { subnets: [subnet, "10.8.0.0/24"], gateways: ["10.7.0.1", "10.7.0.2"] },
    /^Two gateways given for the subnet 10\.7\.0\.0\/24; a subnet has one$/,
  ],
  ["two ranges", { subnets: [subnet], ranges: [subnet, subnet] }, /^Two ranges given for the sub/],
  [
    "a gateway outside of all",
    { subnets: [subnet, "10.8.0.0/24"], gateways: ["10.9.0.1"] },
    /10\.9\.0\.1 is outside all subnets 10\.7\.0\.0\/24, 10\.8\.0\.0\/24; choose one inside$/,
  ],
  ["a gateway outside", { subnets: [subnet], gateways: ["10.8.0.1"] }, /10\.8\.0\.1 is outside/],
  [
    "a network's own",
    { subnets: [subnet], gateways: ["10.7.0.0"] },
    /10\.7\.0\.0 is the network's/,
  ],
  [
    "a broadcast",
    { subnets: [subnet], gateways: ["10.7.0.255"] },
    /10\.7\.0\.255 is the network's/,
  ],
  ["an IPv6 anycast", { subnets: ["fd00::/64"], gateways: ["fd00::"] }, /fd00:: is the network's/],
  ["no gateway", { subnets: [subnet], gateways: ["x"] }, /^Invalid address "x"/],
  ["a range outside", { subnets: [subnet], ranges: ["10.7.1.0/25"] }, /10\.7\.1\.0\/25 is outside/],
  ["a larger range", { subnets: [subnet], ranges: ["10.7.0.0/23"] }, /Invalid|outside/],
  [
    "a crooked range",
    { subnets: [subnet], ranges: ["10.7.0.9/25"] },
    /did you mean 10\.7\.0\.0\/25/,
  ],
  ["an aux outside", { subnets: [subnet], aux: { a: "10.7.1.1" } }, /10\.7\.1\.1 is outside/],
  ["aux broadcast", { subnets: [subnet], aux: { a: "10.7.0.255" } }, /10\.7\.0\.255 is the netw/],
  [
    "one aux twice",
    { subnets: [subnet], aux: { a: "10.7.0.5", b: "10.7.0.5" } },
    /10\.7\.0\.5.*twice/,
  ],
  [
    "one IPv6 aux in two spellings",
    { subnets: ["fd00::/64"], aux: { a: "fd00::5", b: "FD00:0::05" } },
    /fd00::5 is given twice/,
  ],
  [
    "an aux that is the gateway",
    { subnets: [subnet], gateways: ["10.7.0.9"], aux: { a: "10.7.0.9" } },
    /10\.7\.0\.9/,
  ],
  ["a gateway alone", { gateways: ["10.7.0.1"] }, /needs an IPv4 subnet; give one with --subnet$/],
  ["a range alone", { ranges: [subnet] }, /needs an IPv4 subnet; give one with --subnet$/],
  ["an aux alone", { aux: { a: "10.7.0.5" } }, /needs an IPv4 subnet/],
  ["a gateway of no subnet", { subnets: [subnet], gateways: ["fd00::1"] }, /needs an IPv6 subnet/],
  [
    "no address for a gateway",
    { subnets: ["10.7.0.0/30"], aux: { a: "10.7.0.1", b: "10.7.0.2" } },
    /10\.7\.0\.0\/30 has no address left for a gateway/,
  ],
];

for (const [what, request, message] of ERRORS) {
  Deno.test(`planPools() refuses ${what}`, () => {
    const picks: Family[] = [];
    assert.throws(() => plan(request, picks), (error: Error & { code: string }) => {
      assert.equal(error.code, "invalid");
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n") && !error.message.endsWith("."));
      return true;
    });
  });
}

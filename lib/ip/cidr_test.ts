import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bitsOf,
  type Cidr,
  cidrContains,
  cidrSize,
  cidrsOverlap,
  familyOf,
  firstIp,
  formatCidr,
  formatIp,
  type Ip,
  lastIp,
  makeCidr,
  parseCidr,
  parseCidrAddress,
  parseIp,
  tryParseIp,
} from "./cidr.ts";

const family = fc.constantFrom(4 as const, 6 as const);
/** Addresses, often with long runs of zeros; IPv4-mapped ones are none of ours. */
const ip: fc.Arbitrary<Ip> = family.chain((family) =>
  fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << BigInt(bitsOf(family))) - 1n }),
    fc.array(fc.constantFrom(0n, 0n, 0n, 1n, 0xa0n, 0xffn), {
      minLength: bitsOf(family) / 8,
      maxLength: bitsOf(family) / 8,
    }).map((bytes) => bytes.reduce<bigint>((value, byte) => (value << 8n) | byte, 0n)),
  ).map((value) => ({ family, value }))
).filter(({ family, value }) => family === 4 || value >> 32n !== 0xffffn);
const cidr: fc.Arbitrary<Cidr> = ip.chain((ip) =>
  fc.integer({ min: 0, max: bitsOf(ip.family) }).map((prefix) => makeCidr(ip, prefix))
);
/** Two blocks near each other: both inside a small space, so that they nest often. */
const neighbours: fc.Arbitrary<[Cidr, Cidr]> = fc.tuple(family, fc.bigInt(0n, 255n)).chain(
  ([family, base]) => {
    const block = fc.tuple(fc.bigInt(0n, 255n), fc.integer({ min: 0, max: 8 })).map(([low, size]) =>
      makeCidr({ family, value: (base << 8n) | low }, bitsOf(family) - size)
    );
    return fc.tuple(block, block);
  },
);

const REFUSED = [
  ...["", " ", "1", "1.2.3", "192.168.1", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "1.2.3.999"],
  ...["010.1.1.1", "1.02.3.4", "00.0.0.0", "0x1.2.3.4", "1.2.3.0x4", "3232235777", "1..2.3"],
  ...[" 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "+1.2.3.4", "-1.2.3.4", "1.2.3.4/24", "1.2.3.4:80"],
  ...["１.2.3.4", "1.2.3.٤", "a.b.c.d", "1e1.2.3.4"],
  ...["fe80::1%eth0", "::1%0", "[::1]", "::1/128", " ::1", "::1 ", "::1\n", ":", ":::", "1:2"],
  ...["1::2::3", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::"],
  ...["::fffff", "2001:db8:12xyz::1", "g::", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:::2"],
  ...["::ffff:1.2.3.4", "::ffff:102:304", "0:0:0:0:0:ffff:0102:0304", "::1.2.3.4", "::FFFF:0:0"],
  ...["64:ff9b::192.0.2.1", "localhost", "::g"],
];

Deno.test("tryParseIp() refuses what another program could read differently", () => {
  for (const text of REFUSED) assert.equal(tryParseIp(text), undefined, JSON.stringify(text));
});

Deno.test("parseIp() names what it refuses and how to write it", () => {
  assert.throws(() => parseIp("010.1.1.1"), {
    code: "invalid",
    message: `Invalid address "010.1.1.1"; write it like 172.18.0.5 or fd00::5`,
  });
});

Deno.test("formatIp() gives the text of RFC 5952", () => {
  const canonical: Record<string, string> = {
    "0.0.0.0": "0.0.0.0",
    "255.255.255.255": "255.255.255.255",
    "::": "::",
    "::1": "::1",
    "1::": "1::",
    "FD00::00AB": "fd00::ab",
    "0:0:0:0:0:0:0:0": "::",
    // 4.2.2: one group of zeros is not shortened
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    // 4.2.3: the longest run, the first of equals
    "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
    "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
    "0:0:1:2:3:4:5:6": "::1:2:3:4:5:6",
    "1:2:3:4:5:6:0:0": "1:2:3:4:5:6::",
    "1::3:4:5:6:7:8": "1:0:3:4:5:6:7:8",
  };
  for (const [text, wanted] of Object.entries(canonical)) {
    assert.equal(formatIp(parseIp(text)), wanted);
  }
});

Deno.test("parseIp() undoes formatIp()", () => {
  fc.assert(fc.property(ip, (ip) => {
    const text = formatIp(ip);
    assert.deepEqual(parseIp(text), ip);
    assert.equal(familyOf(text), ip.family);
    assert.deepEqual(tryParseIp(text.toUpperCase()), ip);
  }));
});

Deno.test("formatIp() and parseIp() agree with the URL parser", () => {
  fc.assert(fc.property(ip, (ip) => {
    const host = ip.family === 4 ? formatIp(ip) : `[${formatIp(ip)}]`;
    assert.equal(new URL(`http://${host}/`).hostname, host);
  }));
  const text = fc.string({
    unit: fc.constantFrom(":", ":", "::", "0", "1", "f", "FF", "12345", "."),
    maxLength: 18,
  });
  fc.assert(
    fc.property(text, (text) => {
      const ip = tryParseIp(text);
      if (!text.includes(":") || text.includes(".")) return;
      const url = URL.parse(`http://[${text}]/`);
      assert.equal(ip === undefined ? null : `[${formatIp(ip)}]`, url?.hostname ?? null);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseCidr() says the right block when host bits are set", () => {
  assert.throws(() => parseCidr("10.0.0.1/24"), {
    code: "invalid",
    message: `Invalid CIDR "10.0.0.1/24": it has host bits set; did you mean 10.0.0.0/24?`,
  });
  assert.throws(() => parseCidr("fd00:1::5/64"), { message: /did you mean fd00:1::\/64\?$/ });
});

Deno.test("parseCidr() refuses malformed text", () => {
  const malformed = [
    ...["", "/", "10.0.0.0", "10.0.0.0/", "/24", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/024"],
    ...["10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0 /8", "10.0.0/8", "10.0.0.0/255.0.0.0"],
    ...["fd00::/129", "fd00::/999", "::ffff:10.0.0.0/104", "fe80::%eth0/64", "10.0.0.0/8\n"],
  ];
  for (const text of malformed) {
    assert.throws(
      () => parseCidr(text),
      { code: "invalid", message: /^Invalid CIDR ".*"; write it like/ },
      text,
    );
  }
});

Deno.test("parseCidrAddress() keeps the address", () => {
  const { cidr, address } = parseCidrAddress("172.18.0.2/20");
  assert.equal(formatCidr(cidr), "172.18.0.0/20");
  assert.equal(formatIp(address), "172.18.0.2");
});

Deno.test("parseCidr() undoes formatCidr()", () => {
  fc.assert(fc.property(cidr, (cidr) => assert.deepEqual(parseCidr(formatCidr(cidr)), cidr)));
});

Deno.test("firstIp() and lastIp() bound a block of cidrSize() addresses", () => {
  fc.assert(fc.property(cidr, (cidr) => {
    const [first, last] = [firstIp(cidr), lastIp(cidr)];
    assert.equal(last.value - first.value + 1n, cidrSize(cidr));
    assert.ok(cidrContains(cidr, first) && cidrContains(cidr, last));
    const after = { ...last, value: last.value + 1n };
    if (after.value < 1n << BigInt(bitsOf(cidr.family))) assert.ok(!cidrContains(cidr, after));
    if (first.value > 0n) assert.ok(!cidrContains(cidr, { ...first, value: first.value - 1n }));
    assert.deepEqual(makeCidr(last, cidr.prefix), cidr);
  }));
});

Deno.test("cidrContains() and cidrsOverlap() do what intervals do", () => {
  fc.assert(
    fc.property(neighbours, ([a, b]) => {
      const [aEnd, bEnd] = [lastIp(a).value, lastIp(b).value];
      assert.equal(cidrContains(a, b), a.value <= b.value && bEnd <= aEnd);
      assert.equal(cidrsOverlap(a, b), a.value <= bEnd && b.value <= aEnd);
      assert.equal(cidrsOverlap(b, a), cidrsOverlap(a, b));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("cidrContains() and cidrsOverlap() keep the families apart", () => {
  const [all4, all6] = [parseCidr("0.0.0.0/0"), parseCidr("::/0")];
  assert.equal(cidrContains(all6, parseIp("10.0.0.1")), false);
  assert.equal(cidrContains(all4, parseIp("::1")), false);
  assert.equal(cidrsOverlap(all4, all6), false);
  assert.equal(cidrContains(all4, parseIp("255.255.255.255")), true);
});

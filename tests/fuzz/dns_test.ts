import fc from "fast-check";
// @ts-types="../../server/dns/codec/dns_packet.d.ts"
import { encode } from "dns-packet";
import { run } from "./dns.ts";

const SEEDS = [
  ["many", "A", 1232],
  ["many.foo", "AAAA", undefined],
  ["s0", "SRV", 4096],
  ["_80._tcp.s2.foo", "ANY", 512],
  ["2.0.5.10.in-addr.arpa", "PTR", 0],
  ["a.b.localhost", "ANY", 1232],
].map(([name, type, edns]) =>
  new Uint8Array(encode({
    ...{ type: "query", id: 7, flags: 0x0100, questions: [{ name, type, class: "IN" }] },
    ...edns !== undefined && {
      additionals: [{ type: "OPT", name: ".", udpPayloadSize: edns, flags: 0, options: [] }],
    },
  }))
);

Deno.test("the DNS codec stands any bytes, and any change of good ones", () => {
  for (const seed of SEEDS) run(seed);
  const changes = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 5 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), run), { numRuns: 2000 });
  fc.assert(
    fc.property(fc.constantFrom(...SEEDS), changes, fc.nat(90), (seed, changes, length) => {
      const bytes = seed.slice(0, length);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      run(bytes);
    }),
    { numRuns: 10_000 },
  );
});

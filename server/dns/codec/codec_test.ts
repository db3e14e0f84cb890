import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="./dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import { encodeAnswer, MAX_MESSAGE, parseQuery } from "./codec.ts";
import { answerFrom, type View } from "../zones/view.ts";
import { buildZone } from "../../../tests/harness/zone.ts";

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const octet = fc.integer({ min: 1, max: 254 });
const service = fc.record({
  name: label,
  aliases: fc.array(label, { maxLength: 3 }),
  attached: fc.boolean(),
  addresses: fc.tuple(octet, octet).map((
    [a, b],
  ) => [`10.5.${a}.${b}`, `fd00::${a.toString(16)}:${b.toString(16)}`]),
  ports: fc.array(
    fc.record({
      port: fc.integer({ min: 1, max: 65535 }),
      protocol: fc.constantFrom("tcp" as const, "udp" as const),
    }),
    { maxLength: 3 },
  ),
  containerNames: fc.array(label, { maxLength: 2 }),
}).map(({ name, aliases, attached, ...endpoint }) => ({
  ...{ name, aliases, endpoints: attached ? [endpoint] : [] },
}));
const network = fc.record({
  name: label,
  ttl: fc.integer({ min: 0, max: 3600 }),
  subnets: fc.constant<string[]>(["10.5.0.0/16", "fd00::/64"]),
  services: fc.array(service, { maxLength: 40 }),
});

function query(name: string, type: string): Uint8Array {
  return new Uint8Array(
    encode({ type: "query", id: 7, flags: 0x100, questions: [{ name, type, class: "IN" }] }),
  );
}

Deno.test("parseQuery() never throws, whatever comes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const parsed = parseQuery(bytes);
      if (!parsed.ok && !parsed.drop) {
        assert.ok(parsed.reply.length >= 12 && parsed.reply[2]! & 0x80);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseQuery() survives queries with any byte changed", () => {
  const whole = query("one.foo", "A");
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      const bytes = whole.slice();
      bytes[at] = value;
      parseQuery(bytes);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("answers decode again, fit their limit, and have TC iff something is missing", () => {
  const types = fc.constantFrom("A", "AAAA", "SRV", "PTR", "TXT", "ANY");
  fc.assert(
    fc.property(
      network,
      fc.nat(),
      types,
      fc.integer({ min: 512, max: 1232 }),
      (net, pick, type, limit) => {
        const view: View = { networks: [buildZone(net)], links: [], external: false };
        const names = net.services.flatMap((s) => [s.name, ...s.aliases, `${s.name}.${net.name}`]);
        const name = names.length > 0 ? names[pick % names.length]! : "nobody";
        const parsed = parseQuery(query(name, type));
        assert.ok(parsed.ok);
        const answer = answerFrom(view, parsed.query.question);
        if (answer === "forward") return assert.fail("internal views forward nothing");
        const whole = decode(Buffer.from(encodeAnswer(parsed.query, answer, MAX_MESSAGE)));
        const cut = encodeAnswer(parsed.query, answer, limit);
        const short = decode(Buffer.from(cut));
        assert.ok(cut.length <= limit);
        assert.equal(whole.rcode, answer.rcode);
        assert.equal(whole.answers.length, answer.answers.length);
        assert.equal(whole.flag_tc, false);
        assert.equal(
          short.flag_tc,
          short.answers.length + short.authorities.length <
            whole.answers.length + whole.authorities.length,
        );
        for (const record of whole.answers) assert.equal(record.name, name);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a name that exists is never NXDOMAIN, whatever the type", () => {
  fc.assert(
    fc.property(network, fc.constantFrom("A", "AAAA", "MX", "TXT", "CAA"), (net, type) => {
      const view: View = { networks: [buildZone(net)], links: [], external: true };
      for (const s of net.services) {
        const answer = answerFrom(view, { name: s.name, type, class: "IN" });
        assert.ok(answer !== "forward");
        const live = net.services.some((o) =>
          o.endpoints.some(({ containerNames }) =>
            [o.name, ...o.aliases, ...containerNames].some((n) =>
              n.toLowerCase() === s.name.toLowerCase()
            )
          )
        );
        if (s.endpoints.length > 0) assert.equal(answer.rcode, "NOERROR");
        else if (!live) assert.equal(answer.rcode, "NXDOMAIN");
      }
    }),
    { numRuns: 300 },
  );
});

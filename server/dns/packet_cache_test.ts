import assert from "node:assert/strict";
// @ts-types="./codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { encodeAnswer, encodeTurning, parseQuery } from "./codec/codec.ts";
import { PacketCache } from "./packet_cache.ts";
import { fixedAnswer } from "./codec/rotation.ts";
import type { LocalAnswer } from "./codec/message.ts";

function query(name: string, type: string, edns?: number): Uint8Array {
  return new Uint8Array(encode({
    ...{ type: "query", id: 7, flags: 0x0100, questions: [{ name, type, class: "IN" }] },
    ...edns !== undefined && {
      additionals: [{ type: "OPT", name: ".", udpPayloadSize: edns, flags: 0, options: [] }],
    },
  }));
}

/** The answer that a cache has for a query, among other bytes. */
function cached(cache: PacketCache, message: Uint8Array): Uint8Array | undefined {
  const slot = new Uint8Array(5000);
  slot.set(message);
  const room = new Uint8Array(65535);
  const length = cache.answer(slot, message.length, room);
  return length === 0 ? undefined : room.slice(0, length);
}

/** The addresses of a name, to be given in turn. */
function addresses(type: "A" | "AAAA", count: number): LocalAnswer {
  const data = (i: number) =>
    type === "A" ? `10.0.${i >> 8}.${i & 255}` : `fd00::${i.toString(16)}`;
  return {
    rcode: "NOERROR",
    answers: Array.from(
      { length: count },
      (_, i) => ({ type, name: "many", ttl: 5, data: data(i + 1) }),
    ),
    additionals: [],
    authorities: [],
    rotate: true,
  };
}

Deno.test("PacketCache holds so many bytes and no more, whatever is asked", () => {
  const cache = new PacketCache();
  for (let i = 0; i < 20_000; i++) {
    const message = query(`n${i}.example`, "A");
    cache.set(message, fixedAnswer(new Uint8Array(i % 4096)));
    assert.ok(cache.size <= 512 * 1024, `${cache.size} bytes`);
  }
  assert.ok(cache.size > 256 * 1024);
  assert.ok(cached(cache, query("n19999.example", "A")));
  assert.equal(cached(cache, query("n0.example", "A")), undefined, "the oldest went first");
  cache.clear();
  assert.equal(cache.size, 0);
});

Deno.test("PacketCache has no answer where there is no room for it, nor to a longer query", () => {
  const cache = new PacketCache();
  const message = query("a.example", "A");
  cache.set(message, fixedAnswer(new Uint8Array(100)));
  assert.equal(cache.answer(message, message.length, new Uint8Array(99)), 0);
  assert.equal(cache.answer(message, message.length, new Uint8Array(100)), 100);
  assert.equal(cache.answer(message, message.length - 1, new Uint8Array(100)), 0);
  assert.equal(cached(cache, new Uint8Array([...message, 0])), undefined);
});

Deno.test("PacketCache gives each record the first place in turn, and as many as fit", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("A" as const, "AAAA" as const),
      fc.integer({ min: 1, max: 200 }),
      fc.option(fc.integer({ min: 0, max: 5000 }), { nil: undefined }),
      (type, count, edns) => {
        const message = query("many", type, edns);
        const parsed = parseQuery(message);
        assert.ok(parsed.ok);
        const { payload } = parsed.query;
        const answer = addresses(type, count);
        const cache = new PacketCache();
        const first = cache.set(message, encodeTurning(parsed.query, answer, payload));
        const given = [first, ...Array.from({ length: count }, () => cached(cache, message)!)];
        // By the way that encodes each order anew.
        const plain = decode(Buffer.from(encodeAnswer(parsed.query, answer, payload)));
        const order = answer.answers.map(({ data }) => data as string);
        const firsts = given.map((bytes) => {
          assert.ok(bytes.length <= payload);
          const { answers, flag_tc, additionals } = decode(Buffer.from(bytes));
          assert.equal(answers.length, plain.answers.length);
          assert.equal(flag_tc, plain.flag_tc);
          assert.equal(additionals.length, plain.additionals.length);
          const start = order.indexOf(answers[0]!.data as string);
          const turned = [...order.slice(start), ...order.slice(0, start)];
          assert.deepEqual(answers.map(({ data }) => data), turned.slice(0, answers.length));
          return start;
        });
        assert.equal(new Set(firsts).size, count);
        assert.equal(firsts[0], firsts[count], "then from the beginning");
      },
    ),
    { numRuns: 100 },
  );
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { balanceElements, slotsByWeight } from "./plan.ts";
import { EXACT_SLOTS, MANY_SLOTS } from "./table.ts";

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

Deno.test("slots are as the weights are, exactly where that takes few, else nearly", () => {
  assert.deepEqual(slotsByWeight([1, 1, 1]), [1, 1, 1]);
  assert.deepEqual(slotsByWeight([10, 20]), [1, 2]);
  assert.deepEqual(slotsByWeight([7]), [1]);
  assert.deepEqual(slotsByWeight([]), []);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: MANY_SLOTS }),
      (weights) => {
        const slots = slotsByWeight(weights);
        assert.ok(slots.every((number) => Number.isInteger(number) && number >= 1));
        const [all, total] = [sum(slots), sum(weights)];
        if (all <= EXACT_SLOTS) {
          assert.ok(slots.every((number, n) => number * total === weights[n]! * all));
        } else {
          assert.equal(all, MANY_SLOTS);
          const heavy = weights.every((weight) => weight * MANY_SLOTS >= total);
          assert.ok(
            !heavy ||
              slots.every((number, n) => Math.abs(number - weights[n]! * MANY_SLOTS / total) < 1),
          );
        }
      },
    ),
  );
});

const backend = (n: number, weight = 1) => ({ addresses: [`10.7.0.${n}`, `FD00::${n}`], weight });
const PORTS = [
  { protocol: "tcp", port: 80, target: 8080 },
  { protocol: "udp", port: 53, target: 53 },
] as const;

Deno.test("each port of each address leads to all backends of its family", () => {
  const elements = balanceElements({
    ...{ addresses: ["10.7.0.9", "fd00:0::9"], ports: [...PORTS] },
    backends: [backend(10), backend(11, 2), { addresses: ["fd00::12"], weight: 1 }],
  });
  const all = Object.fromEntries(
    Object.entries(elements).map(([name, set]) => [name, [...set!].sort()]),
  );
  assert.deepEqual(all, {
    addresses4: ["10.7.0.9"],
    addresses6: ["fd00::9"],
    ports4: ["10.7.0.9 . tcp . 80 : goto slots3", "10.7.0.9 . udp . 53 : goto slots3"],
    ports6: ["fd00::9 . tcp . 80 : goto slots4", "fd00::9 . udp . 53 : goto slots4"],
    slots4: [
      ...[10, 11, 11].map((n, slot) => `10.7.0.9 . tcp . 80 . ${slot} : 10.7.0.${n} . 8080`),
      ...[10, 11, 11].map((n, slot) => `10.7.0.9 . udp . 53 . ${slot} : 10.7.0.${n} . 53`),
    ],
    slots6: [
      ...[10, 11, 11, 12].map((n, slot) => `fd00::9 . tcp . 80 . ${slot} : fd00::${n} . 8080`),
      ...[10, 11, 11, 12].map((n, slot) => `fd00::9 . udp . 53 . ${slot} : fd00::${n} . 53`),
    ],
  });
});

Deno.test("without a backend of its family an address is known, and leads nowhere", () => {
  const only6 = { addresses: ["fd00::12"], weight: 1 };
  const elements = balanceElements({
    ...{ addresses: ["10.7.0.9"], ports: [...PORTS], backends: [only6] },
  });
  assert.deepEqual(elements, { addresses4: new Set(["10.7.0.9"]) });
});

import assert from "node:assert/strict";
import { endedSince, issue, type Issued, MAX_ISSUED, unexpired } from "./serials.ts";

const DAY_MS = 86_400_000;

Deno.test("however often a host asks, no certificate of it that is good is forgotten", () => {
  const now = 1_000 * DAY_MS;
  let issued: Issued[] = [];
  const signed: string[] = [];
  for (let n = 0; n < 200; n++) {
    const one = { serial: n.toString(16), until: now + 365 * DAY_MS + n };
    try {
      issued = issue(issued, one, now);
      signed.push(one.serial);
    } catch (error) {
      assert.match(String(error), /64 certificates.*host rm/);
    }
  }
  assert.equal(signed.length, MAX_ISSUED);
  assert.deepEqual(issued.map(({ serial }) => serial), signed);
});

Deno.test("one that has ended makes room, once no clock takes it any more", () => {
  const until = 1_000 * DAY_MS;
  const issued = [{ serial: "1", until }];
  assert.deepEqual(unexpired(issued, until + DAY_MS - 1), issued);
  assert.deepEqual(unexpired(issued, until + DAY_MS), []);
  const next = { serial: "2", until: until + 365 * DAY_MS };
  assert.deepEqual(issue(issued, next, until + DAY_MS), [next]);
});

Deno.test("a revoked certificate is forgotten a while after its end, and not before", () => {
  const day = 86_400_000;
  const [lasts, at] = [365 * day, 1_000 * day];
  const ended = (days: number) => endedSince([{ at }], { lasts, now: at + days * day }).length;
  assert.deepEqual([0, 365, 394, 395].map(ended), [0, 0, 0, 1]);
});

import assert from "node:assert/strict";
import { whyRenew } from "./renewal.ts";

const DAY = 86_400_000;
const good = { from: 0, until: 300 * DAY, fits: true, signed: true };

Deno.test("a certificate is renewed at two thirds, for another address, and by another authority", () => {
  const at = (now: number, certificate = good) =>
    whyRenew(certificate, { now, address: "10.0.0.1" });
  assert.equal(at(0), undefined);
  assert.equal(at(200 * DAY - 1), undefined);
  assert.match(at(200 * DAY)!, /two thirds/);
  assert.match(at(301 * DAY)!, /two thirds/);
  assert.match(at(301 * DAY, { ...good, signed: false })!, /two thirds/);
  assert.match(at(0, { ...good, from: DAY })!, /clock was wrong/);
  assert.match(at(0, { ...good, fits: false })!, /10\.0\.0\.1/);
  assert.match(at(0, { ...good, signed: false })!, /authority/);
});

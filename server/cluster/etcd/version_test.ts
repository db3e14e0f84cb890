import assert from "node:assert/strict";
import { fitsBeside, isAtLeast, parseVersion, whyNoUpgrade } from "./version.ts";

Deno.test("a version is read from what etcd says, and nothing else is one", () => {
  assert.deepEqual(parseVersion("3.4.23"), [3, 4, 23]);
  assert.deepEqual(parseVersion("v3.6.0-rc.1"), [3, 6, 0]);
  for (const text of ["", "3.4", "3.4.x", "3.4.1.2", "99999.1.1", "3.5.1 "]) {
    assert.equal(parseVersion(text), undefined, text);
  }
  assert.ok(isAtLeast([3, 10, 0], [3, 9, 9]));
  assert.ok(!isAtLeast([3, 4, 9], [3, 4, 10]));
});

Deno.test("etcd goes from one minor version to the next, never back", () => {
  const why = (from: string, to: string) => whyNoUpgrade(parseVersion(from)!, parseVersion(to)!);
  for (
    const [from, to] of [["3.4.23", "3.4.20"], ["3.4.23", "3.5.21"], ["3.5.21", "3.6.16"], [
      "3.6.16",
      "3.7.3",
    ]]
  ) {
    assert.equal(why(from!, to!), undefined);
  }
  assert.match(why("3.4.23", "3.6.16")!, /after 3\.4\.23 comes 3\.5, not 3\.6\.16/);
  assert.match(why("3.5.21", "3.4.23")!, /can't read .* go on with 3\.5/);
  assert.match(why("3.5.10", "3.6.16")!, /loses votes .* take 3\.5\.20 first/);
  assert.match(why("3.7.3", "4.0.0")!, /after 3\.7\.3/);
});

Deno.test("beside others comes an etcd of theirs or of the next minor version, but no 3.7 beside what it can't read", () => {
  const fits = (own: string, lowest: string) =>
    fitsBeside(parseVersion(own)!, parseVersion(lowest)!);
  for (const [own, lowest] of [["3.4.30", "3.4.1"], ["3.5.21", "3.4.30"], ["3.6.16", "3.5.21"]]) {
    assert.ok(fits(own!, lowest!), `${own} beside ${lowest}`);
  }
  assert.ok(fits("3.7.3", "3.7.0") && fits("3.8.0", "3.7.3"));
  // Born as 3.5, the others' logs hold what is the end of it.
  for (const [own, lowest] of [["3.7.3", "3.6.16"], ["3.6.16", "3.4.30"], ["3.4.30", "3.5.21"]]) {
    assert.ok(!fits(own!, lowest!), `${own} beside ${lowest}`);
  }
});

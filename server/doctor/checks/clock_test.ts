import assert from "node:assert/strict";
import { judgeClocks } from "./clock.ts";

const reading = (name: string, ahead: number, within = 5) => ({ name, ahead, within });

Deno.test("judgeClocks() takes nobody's clock for right", () => {
  assert.equal(judgeClocks([]).status, "skipped");
  assert.equal(judgeClocks([reading("b", 900)]).status, "ok");
  assert.equal(judgeClocks([reading("b", 1500, 600)]).status, "ok", "not sure");
  const two = judgeClocks([reading("b", -4000)]);
  assert.equal(two.status, "warning");
  assert.match(two.message, /clock of host "b" is 4\.0 s behind this host's; which is right can't/);
  assert.match(two.remedy!, /timedatectl set-ntp true/);
  const one = judgeClocks([reading("b", 10), reading("c", 5000), reading("d", -20)]);
  assert.match(one.message, /^Most clocks agree, but that of host "c" is 5\.0 s ahead of them$/);
  const self = judgeClocks([reading("b", 3000), reading("c", 3010), reading("d", 2990)]);
  assert.match(self.message, /^Most clocks agree, but this host's is 3\.0 s behind them$/);
});

import assert from "node:assert/strict";
import { hostFacts } from "../../control/records.ts";
import { sinceWhen, votingHostsFrom } from "./voting.ts";

Deno.test("no host makes itself older than the voters know it, nor one of a day to come", () => {
  const now = 1_000_000;
  assert.equal(sinceWhen(500, 0, now), 500, "up for ever, as it says");
  assert.equal(sinceWhen(500, 700, now), 700, "it was booted again");
  assert.equal(sinceWhen(500, undefined, now), 500);
  assert.equal(sinceWhen(500, 9_000_000, now), now);
});

Deno.test("what hosts say of themselves counts for them alone, and only as this netsvc writes it", () => {
  const id = (n: number) => String(n).repeat(64);
  const host = (n: number) => ({ id: id(n), address: `10.0.0.${n}`, joined: 500 });
  const { key, value } = hostFacts.put({ since: 700, etcd: "3.6.1" }, id(1));
  const all = votingHostsFrom([host(1), host(2), host(3)], {
    own: [
      { key, value, revision: "1" },
      { key: hostFacts.key(id(2)), value: '{"v":1,"since":"long","etcd":"9"}', revision: "1" },
      { key: `self/${id(3)}/request`, value, revision: "1" },
    ],
    living: new Set([id(1), id(2)]),
  });
  assert.deepEqual(
    all.map(({ since, etcd, up, peer }) => [since, etcd, up, peer.host, peer.port]),
    [
      [700, "3.6.1", true, "10.0.0.1", 2480],
      [500, undefined, true, "10.0.0.2", 2480],
      [500, undefined, false, "10.0.0.3", 2480],
    ],
  );
});

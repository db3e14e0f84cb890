import assert from "node:assert/strict";
import type { Trouble } from "../../../lib/api/types.ts";
import type { VoterSeen } from "../../cluster/member/duties.ts";
import { networkTroubles } from "./network_troubles.ts";
import {
  certificateTroubles,
  etcdTrouble,
  expulsionTrouble,
  learnerTroubles,
  voterTroubles,
  voteTroubles,
} from "./troubles.ts";

const said = (troubles: Trouble[]) =>
  troubles.map(({ severity, message, remedy }) => `${severity} ${message} → ${remedy}`).join("\n");
const seen = (...parts: VoterSeen["part"][]): VoterSeen[] =>
  parts.map((part, i) => ({ address: `10.0.0.${i + 1}`, part }));
const nameOf = (address: string) => `host-${address.at(-1)}`;
const voters = (...parts: VoterSeen["part"][]) =>
  said(voterTroubles(seen(...parts), { answers: false, nameOf }));

Deno.test("voters without a majority are told apart from those that are all well", () => {
  assert.equal(voters(), "");
  assert.equal(voters("leader"), "");
  assert.equal(voters("leader", "follower", "follower"), "");
  assert.equal(voters("leader", "learner"), "", "a learner has no vote to be missed");
  assert.match(
    voters("waiting", "unreachable", "unreachable"),
    /^problem No majority: 1 of 3 voters answers, .* → Bring host-2, host-3 back, .*they are gone for good.*recover/,
  );
  assert.match(voters("unreachable"), /^problem No majority: 0 of 1 voter answer, .*it is gone/);
  assert.match(voters("leader", "unreachable"), /^problem No majority: 1 of 2 voters answers/);
  assert.match(
    voters("waiting", "waiting", "unreachable"),
    /^problem No majority: 2 of 3 voters answer, and none of them knows a leader → .*2480/,
  );
  assert.match(
    voters("leader", "follower", "unreachable"),
    /^warning 2 of 3 voters answer: host-3 doesn't, and if one more fails there is no majority → /,
  );
  assert.match(
    voters("leader", "follower", "follower", "follower", "unreachable"),
    /^warning 4 of 5 voters answer: host-5 doesn't, and 1 more may fail → /,
  );
});

Deno.test("while the store answers there is a majority, however slow the voters are", () => {
  const busy = (...parts: VoterSeen["part"][]) =>
    said(voterTroubles(seen(...parts), { answers: true, nameOf }));
  assert.equal(busy("waiting", "follower", "follower"), "");
  assert.match(
    busy("leader", "unreachable", "unreachable"),
    /^warning 1 of 3 voters answers: host-2, host-3 don't, and the store answers all the same → /,
  );
});

Deno.test("a host that is out is told by whom, and how to come back", () => {
  const at = Date.parse("2026-01-02T03:04:05Z");
  assert.equal(
    said([expulsionTrouble({ by: "host-1", at })]),
    "problem This host was removed from the cluster by host host-1 (2026-01-02 03:04 UTC) → " +
      "To have it back: netsvc cluster leave -f here, then netsvc cluster join with a new token",
  );
  assert.match(said([expulsionTrouble({ at })]), /removed from the cluster \(2026/);
});

Deno.test("this host's own etcd: what keeps it from running, or from voting", () => {
  const cannot = "There is no etcd on this host";
  assert.deepEqual(etcdTrouble({ votes: true, running: true }), []);
  assert.deepEqual(etcdTrouble({ votes: false, running: false }), []);
  for (
    const [own, wanted] of [
      [
        { votes: true, running: true, cannot },
        /^problem .*runs, and couldn't be started again: There/,
      ],
      [
        { votes: true, running: false, cannot },
        /^problem .*its etcd can't be started: There is no/,
      ],
      [
        { votes: true, running: true, copied: cannot },
        /^warning .*is a copy .*its program is gone: There is no etcd/,
      ],
      [{ votes: true, running: false }, /^problem .*its etcd doesn't run → .*etcd\.log/],
      [{ votes: false, running: false, cannot }, /^warning This host can't vote: There is no etcd/],
    ] as const
  ) assert.match(said(etcdTrouble(own)), wanted);
  assert.match(
    said(etcdTrouble({ votes: true, running: true, keyless: true })),
    /^problem This voter has lost the authority's key: .*→ Copy STATE\/cluster\/ca\.key/,
  );
  assert.deepEqual(etcdTrouble({ votes: false, running: false, keyless: true }), []);
});

Deno.test("a certificate that isn't renewed is named before it ends, and after", () => {
  const day = 86_400_000;
  const now = Date.parse("2026-06-01T00:00:00Z");
  const host = (days: number) => [{ name: "one", until: now + days * day }];
  assert.deepEqual(certificateTroubles(host(121), now), []);
  assert.deepEqual(certificateTroubles([{ name: "one", until: 0 }], now), [], "it has none");
  assert.match(said(certificateTroubles(host(30), now)), /^warning .* host one ends on 2026-07-01/);
  assert.match(
    said(certificateTroubles(host(-1), now)),
    /^problem .* host one ended on 2026-05-31/,
  );
});

Deno.test("a host that should vote and has no etcd is named", () => {
  const host = (n: number, etcd?: string) => ({
    name: `host-${n}`,
    ...etcd !== undefined && { etcd },
  });
  const [one, two, three] = [host(1, "3.5.0"), host(2, "3.5.0"), host(3, "3.5.0")];
  assert.deepEqual(voteTroubles([one, two], 1), []);
  assert.deepEqual(voteTroubles([one, host(2)], 1), [], "of two hosts one votes");
  assert.deepEqual(voteTroubles([one, two, three], 1), [], "they are about to");
  assert.deepEqual(voteTroubles([one, two, three, host(4)], 3), [], "another one can");
  assert.match(
    said(voteTroubles([one, two, host(3)], 1)),
    /^warning 1 of 3 hosts that should vote do, since host-3 can't: no etcd .* → .*apt-get install etcd-server/,
  );
  assert.deepEqual(voteTroubles([], 0), [], "nothing is known");
  assert.deepEqual(learnerTroubles([]), []);
  assert.match(
    said(learnerTroubles(["host-3"])),
    /^warning host-3 is to vote, and can't yet → This/,
  );
});

Deno.test("local networks that are mixed up with the cluster's are named, in both families", () => {
  const network = (scope: "local" | "global", name: string, ...subnets: string[]) => ({
    name,
    scope,
    subnets,
  });
  const prod = network("global", "prod", "10.1.0.0/16", "fd01::/64");
  assert.deepEqual(networkTroubles([network("local", "bridge", "10.2.0.0/16"), prod]), []);
  assert.deepEqual(networkTroubles([prod, network("global", "two", "10.1.0.0/24")]), []);
  assert.match(
    said(networkTroubles([network("local", "Prod", "10.9.0.0/16"), prod])),
    /^warning The cluster has a network "prod", and so has this host.* → .*network rm Prod/,
  );
  for (const subnet of ["10.1.128.0/24", "10.0.0.0/8", "fd01::/48"]) {
    assert.match(
      said(networkTroubles([network("local", "own", "10.3.0.0/16", subnet), prod])),
      new RegExp(
        `^warning Network "own" of this host \\(${subnet}\\) overlaps network "prod" .*--subnet$`,
      ),
    );
  }
});

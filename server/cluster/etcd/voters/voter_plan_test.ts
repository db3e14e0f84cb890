import assert from "node:assert/strict";
import { fork, pick, type Random, random } from "../../../../tests/chaos/random.ts";
import { type HostFacts, planVoters, type VoterFacts, votersOf } from "./voter_plan.ts";

const REPLACE = 600_000;

/** A cluster as a list of numbers: hosts, and who of them has a vote. */
class World {
  readonly hosts: HostFacts[] = [];
  readonly voters: VoterFacts[] = [];
  #members = 0;
  #joined = 0;
  added: string[] = [];

  constructor(hosts: number) {
    for (let i = 0; i < hosts; i++) this.join();
    this.#member("h0", false);
  }

  join(): void {
    const since = this.#joined++;
    const id = `h${since}`;
    this.hosts.push({ id, since, up: true, gone: 0, able: true });
  }

  #member(host: string, learner: boolean): void {
    const member = String(++this.#members);
    const facts = { healthy: true, caughtUp: true, leader: false, learning: 0 };
    this.voters.push({ member, host, learner, ...facts });
  }

  get voting(): VoterFacts[] {
    return this.voters.filter(({ learner }) => !learner);
  }

  get quorum(): boolean {
    return this.voting.filter(({ healthy }) => healthy).length * 2 > this.voting.length;
  }

  set(host: string, up: boolean, gone = up ? 0 : REPLACE): void {
    Object.assign(this.hosts.find(({ id }) => id === host)!, { up, gone });
    for (const voter of this.voters) if (voter.host === host) voter.healthy = up;
  }

  /** Does one step. @returns whether there was one */
  step(): boolean {
    const { hosts, voters } = this;
    const step = planVoters({ hosts, voters, replaceAfter: REPLACE });
    if (!step) return false;
    if (step.do === "add") {
      assert.ok(!voters.some(({ learner }) => learner), "one learner at a time");
      assert.ok(!voters.some(({ host }) => host === step.host));
      this.#member(step.host, true);
      this.added.push(step.host);
    } else {
      const at = voters.findIndex(({ member }) => member === step.member);
      assert.notEqual(at, -1);
      if (step.do === "promote") {
        assert.ok(voters[at]!.learner && voters[at]!.healthy);
        voters[at]!.learner = false;
      } else voters.splice(at, 1);
    }
    assert.ok(this.quorum, `no quorum after ${JSON.stringify(step)}`);
    return true;
  }

  /** Does steps until none is left. */
  settle(): void {
    for (let i = 0; this.step(); i++) assert.ok(i < 100, "it doesn't come to rest");
  }
}

Deno.test("one host has 1 vote, from three on there are 3, from seven on 5, on those longest up", () => {
  assert.deepEqual([1, 2, 3, 6, 7, 20].map(votersOf), [1, 1, 3, 3, 5, 5]);
  for (const [hosts, votes] of [[1, 1], [2, 1], [3, 3], [6, 3], [7, 5], [20, 5]] as const) {
    const world = new World(hosts);
    world.settle();
    assert.deepEqual(
      world.voting.map(({ host }) => host),
      Array.from({ length: votes }, (_, i) => `h${i}`),
    );
  }
});

Deno.test("a voter that is gone is replaced after its time and no sooner, by a host that could vote", () => {
  const world = new World(5);
  world.settle();
  world.set("h1", false, REPLACE - 1);
  assert.equal(world.step(), false);
  world.set("h1", false, REPLACE);
  world.hosts.find(({ id }) => id === "h3")!.able = false;
  world.settle();
  assert.deepEqual(world.voting.map(({ host }) => host).sort(), ["h0", "h2", "h4"]);
});

Deno.test("a voter that is gone stays where no other host could take its place", () => {
  const world = new World(3);
  world.settle();
  world.set("h1", false);
  assert.equal(world.step(), false);
});

Deno.test("a host that has left has no vote, and fewer hosts have fewer votes", () => {
  const world = new World(3);
  world.settle();
  world.hosts.splice(1, 1);
  world.settle();
  assert.equal(world.voting.length, 1);
});

Deno.test("a learner that is stuck, gone or a stranger makes room", () => {
  for (const spoil of ["stuck", "gone", "stranger"]) {
    const world = new World(4);
    world.step();
    const learner = world.voters.at(-1)!;
    Object.assign(learner, { caughtUp: false });
    assert.equal(world.step(), false);
    if (spoil === "stuck") learner.learning = REPLACE;
    if (spoil === "gone") world.set(learner.host!, false);
    if (spoil === "stranger") world.hosts.splice(1, 1);
    assert.equal(world.step(), true, spoil);
    assert.ok(!world.voters.includes(learner), spoil);
  }
});

Deno.test("without a majority nothing is changed", () => {
  const world = new World(5);
  world.settle();
  world.set("h1", false);
  world.set("h2", false);
  assert.equal(world.step(), false);
});

Deno.test("whatever comes and goes, no step costs the majority, and all comes to rest at the right number", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const next = random(seed);
    const world = new World(1 + Math.floor(next() * 9));
    for (let i = 0; i < 30; i++) {
      happen(world, fork(next));
      const steps = Math.floor(next() * 4);
      for (let n = 0; n < steps && world.quorum; n++) world.step();
    }
    for (const { id } of world.hosts) world.set(id, true);
    for (const { id } of world.hosts) world.hosts.find((one) => one.id === id)!.able = true;
    if (!world.quorum) continue;
    for (const voter of world.voters) voter.caughtUp = true;
    world.settle();
    assert.equal(world.voters.length, votersOf(world.hosts.length), `seed ${seed}`);
  }
});

/** One event; a majority may be lost by what happens, never by a step. */
function happen(world: World, next: Random): void {
  const some = () => pick(next, world.hosts).id;
  pick(next, [
    () => world.join(),
    () => world.set(some(), false, next() * 2 * REPLACE),
    () => world.set(some(), true),
    () => {
      pick(next, world.hosts).able = next() < 0.5;
    },
    () => {
      // A host that leaves ends its etcd only when it is no member any more.
      if (world.hosts.length > 1) world.hosts.splice(Math.floor(next() * world.hosts.length), 1);
    },
    () => {
      for (const voter of world.voters) if (voter.learner) voter.caughtUp = next() < 0.5;
    },
    () => {
      for (const voter of world.voters) voter.learning += next() * REPLACE;
    },
  ])();
}

/** Hosts on a store of three members, of which one or two are gone, stand still or are cut off. */
import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { byStore, TestCluster } from "../harness/cluster.ts";
import type { TestHost, TestNamespace } from "../harness/host.ts";
import { dig, pings } from "../harness/inside.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Within this time all hosts write again after any fault that leaves a quorum, in milliseconds. */
const AGAIN_MS = 20_000;

/** A host renews its lease of 10 s three times in that, in milliseconds. */
const RENEWAL_MS = 3_500;

/** One host's writes: services that are published one after the other. */
class Publisher {
  readonly host: TestHost;
  readonly done: string[] = [];
  readonly failures: string[] = [];
  #on = true;
  readonly #running: Promise<void>;

  constructor(host: TestHost, name: string) {
    this.host = host;
    this.#running = this.#publish(name);
  }

  async #publish(name: string): Promise<void> {
    for (let n = 0; this.#on; n++) {
      const service = `${name}-${n}`;
      const { code, stderr } = await this.host.run(["service", "publish", `${service}.prod`]);
      if (code === 0) this.done.push(service);
      else this.failures.push(stderr);
      await sleep(100);
    }
  }

  async writes(): Promise<void> {
    const before = this.done.length + 1; // One may be under way.
    await until("it writes again", () => this.done.length > before, AGAIN_MS).catch((error) => {
      throw new Error(`${this.failures.slice(-3).join("")}`, { cause: error });
    });
  }

  async end(): Promise<void> {
    this.#on = false;
    await this.#running;
  }
}

byStore("a store of three members loses one, or its quorum, and no name", async (store) => {
  await using cluster = await TestCluster.create({ hosts: 2, store, members: 3 });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const { members } = cluster.ensemble!;
  const spaces: TestNamespace[] = [cluster.storeNamespace, ...cluster.memberNamespaces];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "db");
    await two.ok("container", "create", "--net", "prod", "web");
    await until("db answers", () => pings(two, "web", "db"), 30_000);
    const address = { db: await dig(two, "web", "db"), web: await dig(one, "db", "web") };
    let on = true;
    const wrong: string[] = [];
    let what = "calm";
    const ask = async (host: TestHost, from: string, name: "db" | "web") => {
      while (on) {
        const found = await dig(host, from, name);
        if (found !== address[name]) wrong.push(`${name} is "${found}" with ${what}`);
        await sleep(50);
      }
    };
    const asking = [ask(two, "web", "db"), ask(one, "db", "web")];
    const publishers = [new Publisher(one, "one"), new Publisher(two, "two")];
    const allWrite = () => Promise.all(publishers.map((publisher) => publisher.writes()));
    const during = async (title: string, begin: () => Promise<void>, end: () => Promise<void>) => {
      what = title;
      await begin();
      await allWrite();
      await end();
      await allWrite();
      // One fault at a time: a host that had one fail on it renews its lease before the next one.
      await sleep(RENEWAL_MS);
    };
    try {
      await allWrite();
      const leader = await cluster.ensemble!.leader();
      await during(
        "the leader killed",
        () => members[leader]!.stop("SIGKILL"),
        () => members[leader]!.start(),
      );
      for (const [i, member] of members.entries()) {
        await during(`member ${i} standing still`, () => member.freeze(), async () => {
          member.thaw();
          await member.serves();
        });
      }
      // Clients reach it, and it reaches nobody: it has no say any more.
      const cut = await cluster.ensemble!.leader();
      const others = members.filter((_, i) => i !== cut).map(({ host }) => host).join(", ");
      const space = spaces[cut]!;
      await during(
        "the leader cut off from the others",
        async () => {
          await space.ok(["nft", "-f", "-"], {
            stdin: `table ip cut { chain out { type filter hook output priority 0;
            ip daddr { ${others} } drop
          }
          chain in { type filter hook input priority 0;
            ip saddr { ${others} } drop
          }
          }\n`,
          });
        },
        () => space.ok(["nft", "delete", "table", "ip", "cut"]).then(() => members[cut]!.serves()),
      );
      for (const host of [one, two]) assert.doesNotMatch(host.log(), /lost its lease/);
      what = "no quorum";
      const now = await cluster.ensemble!.leader();
      const gone = members.filter((_, i) => i !== now).slice(0, 1).concat(members[now]!);
      for (const member of gone) await member.stop("SIGKILL");
      await sleep(5000);
      const before = publishers.map(({ done, failures }) => [done.length, failures.length]);
      await sleep(4000);
      for (const [i, { done, failures }] of publishers.entries()) {
        assert.equal(done.length, before[i]![0], "nothing is written without a quorum");
        assert.ok(failures.length > before[i]![1]!, "writes fail");
      }
      for (const member of gone) member.launch();
      for (const member of gone) await member.serves();
      await allWrite();
    } finally {
      on = false;
      await Promise.all([...asking, ...publishers.map((publisher) => publisher.end())]);
    }
    assert.deepEqual(wrong, []);
    for (const { failures } of publishers) {
      for (const failure of failures) {
        assert.match(
          failure,
          /^netsvc: .*(has not answered|did not answer|answer in time|reach|did not say|lost its lease|already)/,
        );
      }
    }
    const done = publishers.flatMap(({ done }) => done);
    for (const host of [one, two]) {
      await until("all are seen", async () => {
        const listed = await host.ok("service", "ls");
        return done.every((service) => listed.includes(` ${service} `));
      });
    }
    assert.ok(done.length > 20, `${done.length} written`);
    await until("db answers", () => pings(two, "web", "db"));
  });
}, ["etcd", "zookeeper"]);

/**
 * What daemons do for their cluster's etcd, without daemons: hosts on loopback that vote, coordinate and restart.
 *
 * @module
 */
import { openStore } from "../../kv/open.ts";
import type { Store } from "../../kv/store.ts";
import { Coordinator } from "../../server/cluster/etcd/voters/coordinator.ts";
import {
  MEMBERS_KEY,
  parseMembers,
  type RecordedMember,
} from "../../server/cluster/etcd/voters/member_record.ts";
import type { VotingHost } from "../../server/cluster/etcd/voters/observed.ts";
import { OwnVote } from "../../server/cluster/etcd/voters/own_vote.ts";
import { Restarts } from "../../server/cluster/etcd/voters/restarts.ts";
import { until } from "./command.ts";
import { type TestVoter, TestVoters } from "./voters.ts";

/** A host as its daemon would run it. */
export class VotingTestHost implements AsyncDisposable {
  readonly voter: TestVoter;
  readonly vote: OwnVote;
  readonly coordinator: Coordinator;
  readonly restarts: Restarts;
  readonly store: Store;
  role: "voter" | "client" | undefined;

  constructor(
    voter: TestVoter,
    store: Store,
    cluster: VotingTestHosts,
    backup?: () => Promise<void>,
  ) {
    this.voter = voter;
    this.store = store;
    const self = voter.id;
    const open = () => cluster.all.admin(voter, { voters: cluster.votersNow }).channels;
    const hosts = () => Promise.resolve(cluster.facts);
    this.coordinator = new Coordinator({ self, store, open, hosts, replaceAfter: 3_000 });
    this.restarts = new Restarts({
      self,
      store,
      open,
      hosts,
      child: voter.child,
      ...backup && { backup },
    });
    this.vote = new OwnVote({
      self,
      cluster: "test",
      store,
      child: voter.child,
      note: `${voter.paths.directory}/etcd.member`,
      prepare: () => Promise.resolve(),
      isMember: async () => {
        const { members } = cluster.all.admin(voter, { voters: cluster.votersNow });
        return (await members.list()).some(({ name }) => name === self);
      },
      onEndpoints: (endpoints) => store.useEndpoints!(endpoints),
      onRole: (role) => {
        this.role = role;
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.coordinator[Symbol.asyncDispose]();
    await this.restarts[Symbol.asyncDispose]();
    await this.vote[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

/** A cluster of them. */
export class VotingTestHosts implements AsyncDisposable {
  readonly all: TestVoters;
  readonly hosts: VotingTestHost[] = [];
  readonly facts: VotingHost[];
  members: RecordedMember[] = [];

  private constructor(all: TestVoters) {
    this.all = all;
    this.facts = all.voters.map(({ id, client, peer }, since) => ({
      id,
      client,
      peer,
      since,
      up: true,
      etcd: undefined,
    }));
  }

  /** Those with a vote, as far as is known. */
  get votersNow(): TestVoter[] {
    const now = this.all.voters.filter(({ id }) =>
      this.members.some(({ host, learner }) => host === id && !learner)
    );
    return now.length > 0 ? now : this.all.voters.slice(0, 1);
  }

  /** Names of the hosts with a vote, sorted. */
  get voting(): string {
    return this.members.filter(({ learner }) => !learner).map(({ host }) => host).join(" ");
  }

  /** The first of them makes the cluster; the others are hosts of it. */
  static async create(
    count: number,
    version?: string,
    backup?: () => Promise<void>,
  ): Promise<VotingTestHosts> {
    const all = await TestVoters.create(count, version);
    const cluster = new VotingTestHosts(all);
    try {
      const first = await all.startFirst();
      await all.admin(first).users.enable("voter-h0");
      for (const { id } of all.voters) await all.admin(first).users.add(`voter-${id}`, "root");
      for (const voter of all.voters) {
        const { paths, child } = voter;
        const facts = cluster.facts.find(({ id }) => id === voter.id)!;
        facts.etcd = (await child.findProgram()).version.join(".");
        const query = `ca=${paths.ca}&cert=${paths.voterCertificate}&key=${paths.voterKey}`;
        const { host, port } = first.client;
        const url = `etcds:${host}:${port}/netsvc-cluster/public?${query}`;
        const store = await openStore(url, { stateDir: paths.directory, env: {} });
        cluster.hosts.push(new VotingTestHost(voter, store, cluster, backup));
      }
      for (const { vote, coordinator, restarts } of cluster.hosts) {
        for (const one of [vote, coordinator, restarts]) one.begin();
      }
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A host's link, or its power, is gone; its daemon does nothing more. */
  async lose(id: string): Promise<void> {
    const host = this.hosts.find(({ voter }) => voter.id === id)!;
    // First what would start it again.
    await host[Symbol.asyncDispose]();
    await host.voter.child.stop();
    this.facts.find((one) => one.id === id)!.up = false;
  }

  /** A host gets another address, which its record has at once. */
  move(id: string): TestVoter {
    const voter = this.all.voters.find((one) => one.id === id)!;
    voter.move();
    const { client, peer } = voter;
    Object.assign(this.facts.find((one) => one.id === id)!, { client, peer });
    return voter;
  }

  /** Reads who the members are, as a daemon does. */
  async look(asked: VotingTestHost): Promise<void> {
    const entry = await asked.store.get(MEMBERS_KEY).catch(() => undefined);
    if (entry) this.members = parseMembers(entry.value).members;
  }

  /** Waits until these hosts have votes, and no others. */
  async untilVoting(ids: string, asked: VotingTestHost = this.hosts[0]!): Promise<void> {
    await until(`${ids} vote`, async () => {
      await this.look(asked);
      return this.voting === ids && this.members.length === ids.split(" ").length;
    }, 40_000).catch(async (error) => {
      const logs = await Promise.all(
        this.all.voters.map(async ({ id, child }) => `${id}:\n${(await child.tail(8)).join("\n")}`),
      );
      throw new Error(
        `${error}; ${this.voting} of ${JSON.stringify(this.members)}\n${logs.join("\n")}`,
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host[Symbol.asyncDispose]();
    await this.all[Symbol.asyncDispose]();
    // gRPC's timers of a connection that failed run out.
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

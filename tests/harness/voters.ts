/**
 * Voters of a cluster of netsvc's own on loopback, without daemons: directories with certificates, and their etcds.
 *
 * @module
 */
import { AdminChannels } from "../../kv/etcd/admin/admin_calls.ts";
import { EtcdMembers } from "../../kv/etcd/admin/members.ts";
import { EtcdUsers } from "../../kv/etcd/admin/users.ts";
import { certifyNew, createAuthority, type KeyPair, revocationList } from "../../lib/x509/x509.ts";
import { type EtcdMember, memberUrl, VOTER_NAME } from "../../server/cluster/etcd/arguments.ts";
import { EtcdChild } from "../../server/cluster/etcd/etcd_child.ts";
import { type ClusterPaths, clusterPaths } from "../../server/cluster/files/cluster_paths.ts";
import { until } from "./command.ts";
import { freePort } from "./server.ts";
import { program } from "./versions.ts";

const DAY_MS = 86_400_000;

/** A host that has, or may get, a vote. */
export class TestVoter {
  readonly id: string;
  readonly paths: ClusterPaths;
  client = { host: "127.0.0.1", port: freePort() };
  peer = { host: "127.0.0.1", port: freePort() };
  child: EtcdChild;

  constructor(id: string, directory: string, version?: string) {
    this.id = id;
    this.paths = clusterPaths(directory);
    this.child = this.open(version);
  }

  /** As a daemon does at its start. @param version of etcd, or the path of one */
  open(version?: string): EtcdChild {
    const path = version?.startsWith("/") ? version : program("etcd", version);
    return this.child = new EtcdChild({ paths: this.paths, program: path });
  }

  /** Is elsewhere from its next start on. */
  move(): void {
    this.client = { ...this.client, port: freePort() };
    this.peer = { ...this.peer, port: freePort() };
  }

  /** What it is started with as the first, or beside the voters that are there. */
  member(beside: TestVoter[] = []): EtcdMember {
    const all = [...beside.filter((one) => one !== this), this];
    return {
      name: this.id,
      cluster: "test",
      client: this.client,
      peer: this.peer,
      members: Object.fromEntries(all.map(({ id, peer }) => [id, memberUrl(peer)])),
      existing: beside.length > 0,
    };
  }
}

/** Hosts with certificates of one authority. */
export class TestVoters implements AsyncDisposable {
  readonly voters: TestVoter[];
  readonly authority: KeyPair;
  readonly directory: string;
  readonly #opened: AdminChannels[] = [];

  private constructor(directory: string, authority: KeyPair, voters: TestVoter[]) {
    this.directory = directory;
    this.authority = authority;
    this.voters = voters;
  }

  /** Makes them; none runs yet. */
  static async create(count: number, version?: string): Promise<TestVoters> {
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const until = Date.now() + 30 * DAY_MS;
    const authority = await createAuthority("test", until);
    const peers = await createAuthority("peers", until);
    const voters = Array.from(
      { length: count },
      (_, i) => new TestVoter(`h${i}`, `${directory}/h${i}`, version),
    );
    for (const { id, paths } of voters) {
      await Deno.mkdir(paths.directory, { recursive: true });
      const host = await certifyNew(authority, { commonName: id, names: ["127.0.0.1"], until });
      const voter = await certifyNew(authority, {
        commonName: `voter-${id}`,
        names: ["127.0.0.1"],
        until,
      });
      const peer = await certifyNew(peers, {
        commonName: `voter-${id}`,
        names: ["127.0.0.1", VOTER_NAME],
        until,
      });
      const files = [
        [paths.ca, authority.certificate],
        [paths.hostCertificate, host.certificate],
        [paths.hostKey, host.key],
        [paths.voterCertificate, voter.certificate],
        [paths.voterKey, voter.key],
        [paths.peerCa, peers.certificate],
        [paths.peerCertificate, peer.certificate],
        [paths.peerKey, peer.key],
      ] as const;
      for (const [path, text] of files) await Deno.writeTextFile(path, text);
      await Deno.writeFile(paths.crl, await revocationList(authority, []));
    }
    return new TestVoters(directory, authority, voters);
  }

  /** Calls with a host's own certificate, or with that of its vote, to the first voters. */
  admin(host: TestVoter, { as = "voter", voters = this.voters.slice(0, 1) }: {
    as?: "host" | "voter";
    voters?: TestVoter[];
  } = {}): { channels: AdminChannels; members: EtcdMembers; users: EtcdUsers } {
    const { paths } = host;
    const [cert, key] = as === "voter"
      ? [paths.voterCertificate, paths.voterKey]
      : [paths.hostCertificate, paths.hostKey];
    const channels = new AdminChannels({
      endpoints: voters.map(({ client }) => client),
      tls: {
        ca: Deno.readTextFileSync(paths.ca),
        cert: Deno.readTextFileSync(cert),
        key: Deno.readTextFileSync(key),
      },
    });
    this.#opened.push(channels);
    return { channels, members: new EtcdMembers(channels), users: new EtcdUsers(channels) };
  }

  /** Starts the first one, and waits until it serves. */
  async startFirst(): Promise<TestVoter> {
    const [first] = this.voters as [TestVoter];
    await first.child.start(first.member());
    await this.serves(first);
    return first;
  }

  /** Waits until a voter has a leader. */
  async serves(voter: TestVoter): Promise<void> {
    const { members } = this.admin(voter, { voters: [voter] });
    try {
      await until(`${voter.id} has a leader`, async () => {
        const status = await members.status(voter.client, 1_000).catch(() => undefined);
        return status?.leader !== undefined;
      }, 30_000);
    } catch (error) {
      throw new Error(`${error}\n${(await voter.child.tail(30)).join("\n")}`);
    }
  }

  /** Has one more be a member beside those that are: as a learner until it has caught up. */
  async join(voter: TestVoter, beside: TestVoter[]): Promise<void> {
    const { members } = this.admin(beside[0]!, { voters: beside });
    // Two additions in a row: the one before has to be in touch with all.
    const added = await until(
      "a learner is added",
      () => members.addLearner(memberUrl(voter.peer)).catch(() => false as const),
      60_000,
    );
    await voter.child.start(voter.member(beside));
    await until(
      `${voter.id} has a vote`,
      async () => {
        for (const { client } of beside) {
          if (await members.promote(added.id, client).then(() => true, () => false)) return true;
        }
        return false;
      },
      60_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const channels of this.#opened) channels[Symbol.dispose]();
    for (const { child } of this.voters) await child.stop();
    await Deno.remove(this.directory, { recursive: true });
  }
}

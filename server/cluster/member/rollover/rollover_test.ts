import assert from "node:assert/strict";
import { openLocalStore } from "../../../../kv/local/local_store.ts";
import type { Store } from "../../../../kv/store.ts";
import {
  certificatesOf,
  certifyNew,
  createRequest,
  isSignedBy,
  readCertificate,
  requestedKey,
} from "../../../../lib/x509/x509.ts";
import { Authority, writeVoterFiles } from "../../control/authority.ts";
import { createPeerAuthority, writePeerFiles } from "../../control/peer_authority.ts";
import { authorityRecords, memberHosts, rollovers } from "../../control/records.ts";
import { ScopedStore } from "../../control/scoped_store.ts";
import { Tokens } from "../../control/tokens.ts";
import { MEMBERS_KEY } from "../../etcd/voters/member_record.ts";
import { type ClusterPaths, clusterPaths } from "../../files/cluster_paths.ts";
import { Renewal } from "../renewal.ts";
import { Voter } from "../voter.ts";
import { certifySelf } from "../voting/own_certificates.ts";
import { Rollover } from "./rollover.ts";

const CLUSTER = "c".repeat(64);

/** A host's files, and what its daemon and its etcd have read of them. */
class SimHost {
  readonly id: string;
  readonly address: string;
  readonly paths: ClusterPaths;
  readonly votes: boolean;
  readonly cluster: SimCluster;
  /** As etcd has read them at its start. */
  etcd = { ca: "", peerCa: "" };
  renewal!: Renewal;
  rollover: Rollover | undefined;
  voter: Voter | undefined;

  constructor(cluster: SimCluster, n: number, votes: boolean) {
    this.cluster = cluster;
    this.id = `${n}`.repeat(64);
    this.address = `10.0.0.${n}`;
    this.paths = clusterPaths(`${cluster.directory}/${n}`);
    this.votes = votes;
  }

  /** The daemon, from its files. */
  boot(): void {
    const { paths, id, address, cluster } = this;
    const self = () => ({ name: `host-${id[0]}`, address });
    this.renewal = new Renewal({ paths, store: cluster.public, self, hostId: id });
    if (!this.votes) return;
    const store = cluster.store;
    const nobody = new Proxy({}, { get: () => () => Promise.resolve([]) });
    this.voter = new Voter({
      store,
      self: id,
      users: nobody as never,
      members: nobody as never,
      paths,
      endpoints: () => [],
      cutClients: () => Promise.resolve(),
      changeAuthority: () => Promise.reject(new Error("not here")),
    });
    this.rollover = new Rollover({
      self: id,
      store: cluster.public,
      tokens: new Tokens(new ScopedStore(store, "secret/")),
      paths,
      fetchKeys: async () => {
        for (const other of cluster.hosts) {
          const keys = other !== this && await other.rollover?.keys().catch(() => undefined);
          if (keys) return keys;
        }
        throw new Error("nobody has them");
      },
      etcdFollows: async () => {
        const { ca, peerCa } = await this.#files();
        return sorted(ca) === sorted(this.etcd.ca) && sorted(peerCa) === sorted(this.etcd.peerCa);
      },
      joinCa: () => Deno.readTextFileSync(paths.ca),
      certifySelf: async () => void await certifySelf(paths, { id, address }),
      certifyHosts: () => this.voter!.certifyAll(),
      settleMs: 0,
    });
  }

  async #files() {
    const [ca, peerCa] = await Promise.all(
      [this.paths.ca, this.paths.peerCa].map((path) => Deno.readTextFile(path)),
    ) as [string, string];
    return { ca, peerCa };
  }

  async restartEtcd(): Promise<void> {
    if (this.votes) this.etcd = await this.#files();
  }

  /** One thing that may happen next, whatever has happened before. */
  async step(n: number): Promise<void> {
    const steps = [
      () => this.renewal.look(),
      () => this.rollover?.round(),
      () => this.restartEtcd(),
      () => this.boot(), // It was killed.
    ];
    await steps[n % steps.length]!();
  }
}

function sorted(pem: string): string {
  return certificatesOf(pem).sort().join();
}

class SimCluster implements AsyncDisposable {
  readonly directory: string;
  readonly store: Store & AsyncDisposable;
  readonly public: Store;
  readonly hosts: SimHost[];

  private constructor(directory: string, store: Store & AsyncDisposable) {
    this.directory = directory;
    this.store = store;
    const scoped = new ScopedStore(store, "public/");
    this.public = Object.assign(scoped, {
      watch: (prefix: string, options: { signal: AbortSignal }) =>
        store.watch(`public/${prefix}`, options),
    }) as unknown as Store;
    this.hosts = [1, 2, 3, 4, 5].map((n) => new SimHost(this, n, n <= 3));
  }

  static async create(): Promise<SimCluster> {
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const cluster = new SimCluster(directory, await openLocalStore(directory));
    const authority = await Authority.create(CLUSTER, Date.now());
    const peers = await createPeerAuthority(CLUSTER);
    for (const { id, address, paths, votes } of cluster.hosts) {
      await Deno.mkdir(paths.directory, { recursive: true });
      const { request, key } = await createRequest(id);
      const publicKey = (await requestedKey(request))!;
      const certificate = await authority.certifyHost({ id, address, publicKey });
      await Deno.writeTextFile(paths.ca, authority.certificate);
      await Deno.writeTextFile(paths.hostKey, key);
      await Deno.writeTextFile(paths.hostCertificate, certificate);
      const { serial, until, key: print } = readCertificate(certificate);
      const record = {
        ...{ id, name: `host-${id[0]}`, address, issued: [{ serial, until }], key: print, until },
        ...{ joined: 0, token: "x" },
      };
      await cluster.public.commit({ puts: [memberHosts.put(record, id)] });
      if (!votes) continue;
      await writeVoterFiles(paths, { authority, id, address });
      await writePeerFiles(paths, { authority: peers, id, address });
    }
    const members = cluster.hosts.filter(({ votes }) => votes).map(({ id, address: host }) => ({
      ...{ member: id[0]!, host: id, learner: false },
      ...{ client: { host, port: 2479 }, peer: { host, port: 2480 } },
    }));
    await cluster.public.commit({
      puts: [
        { key: MEMBERS_KEY, value: JSON.stringify({ members }) },
        authorityRecords.put({ certificates: [authority.certificate] }),
      ],
    });
    for (const host of cluster.hosts) {
      host.boot();
      await host.restartEtcd();
    }
    return cluster;
  }

  readonly #known = new Map<string, boolean>();
  /** Most of what is asked after a step was asked before it. */
  #trusts(certificate: string, authorities: string): boolean {
    const key = certificate + authorities;
    const known = this.#known.get(key) ?? isSignedBy(certificate, authorities);
    this.#known.set(key, known);
    return known;
  }

  /** Whoever shows something, all others trust it at this moment. */
  check(): void {
    const read = (path: string) => Deno.readTextFileSync(path);
    for (const one of this.hosts) {
      const shown = read(one.paths.hostCertificate);
      for (const { paths, id, votes, etcd } of this.hosts) {
        const said = `${one.id[0]} to ${id[0]}`;
        // Voters' etcds show their host's certificate, and take those of all hosts.
        if (one.votes) assert.ok(this.#trusts(shown, read(paths.ca)), `server ${said}`);
        if (!votes) continue;
        assert.ok(this.#trusts(shown, etcd.ca), `client ${said}`);
        if (!one.votes) continue;
        assert.ok(this.#trusts(read(one.paths.voterCertificate), etcd.ca), `voter ${said}`);
        const peer = read(one.paths.peerCertificate);
        assert.ok(this.#trusts(peer, etcd.peerCa), `peer ${said}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Numbers that are the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = seed + 0x6D2B79F5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return (t ^ t >>> 14) >>> 0;
  };
}

Deno.test("in whatever order all do their part, and whoever is killed: at no time is one shown what it doesn't trust, and at the end nobody trusts the old ones", async () => {
  await using cluster = await SimCluster.create();
  const [first, second] = cluster.hosts as [SimHost, SimHost];
  const old = await Authority.read(first.paths);
  const forged = await certifyNew({ certificate: old.certificate, key: old.key }, {
    ...{ commonName: "x", names: [], until: Date.now() + 3_600_000 },
  });
  const seed = Math.floor(Math.random() * 2 ** 31);
  const next = random(seed);
  const { id } = await first.rollover!.start(CLUSTER);
  // Said twice, and on another voter, it is the same one.
  assert.equal((await second.rollover!.start(CLUSTER)).id, id);
  let steps = 0;
  for (; steps < 3000; steps++) {
    const host = cluster.hosts[next() % cluster.hosts.length]!;
    try {
      await host.step(next());
      cluster.check();
    } catch (error) {
      throw new Error(`seed ${seed}, step ${steps}`, { cause: error });
    }
    const { record } = await rollovers.get(cluster.public);
    if (!record) break;
  }
  assert.ok(steps < 3000, `seed ${seed}: it doesn't come to its end`);
  for (const { paths, votes, etcd, rollover, id } of cluster.hosts) {
    const ca = await Deno.readTextFile(paths.ca);
    assert.equal(certificatesOf(ca).length, 1);
    assert.ok(!isSignedBy(forged.certificate, ca), id);
    if (!votes) continue;
    await rollover!.round();
    assert.ok(!isSignedBy(forged.certificate, etcd.ca), id);
    assert.notEqual((await Authority.read(paths)).fingerprint, old.fingerprint);
    await assert.rejects(Deno.stat(paths.nextCaKey), Deno.errors.NotFound);
    await assert.rejects(Deno.stat(paths.nextPeerCaKey), Deno.errors.NotFound);
  }
  const left = (await cluster.public.list("")).filter(({ key }) => /rollover|followed/.test(key));
  assert.deepEqual(left.map(({ key }) => key), []);
});

Deno.test("it waits for a host that does nothing, and another begins where the first one's keys were lost", async () => {
  await using cluster = await SimCluster.create();
  const [first, second, third, , late] = cluster.hosts as SimHost[] as [
    SimHost,
    SimHost,
    SimHost,
    SimHost,
    SimHost,
  ];
  const { id } = await first.rollover!.start(CLUSTER);
  await Deno.remove(first.paths.nextCaKey);
  await cluster.public.commit({ deletes: [memberHosts.key(first.id)] });
  const again = await second.rollover!.start(CLUSTER);
  assert.notEqual(again.id, id);
  const { record } = await rollovers.get(cluster.public);
  assert.equal(record!.id, again.id);
  const others = [first, second, third, cluster.hosts[3]!];
  for (let n = 0; n < 40; n++) {
    for (const host of others) await host.step(n % 3);
  }
  assert.equal((await rollovers.get(cluster.public)).record!.phase, "trust");
  await late.renewal.look();
  for (let n = 0; n < 3; n++) await second.step(1);
  assert.equal((await rollovers.get(cluster.public)).record!.phase, "sign");
});

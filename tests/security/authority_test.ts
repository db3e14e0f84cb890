/**
 * Who has stolen the authorities' keys of a cluster can make certificates of whatever he likes. `cluster ca rotate` has
 * another authority take their place, and then nothing of the old ones is good for anything.
 */
import assert from "node:assert/strict";
import { certifyNew } from "../../lib/x509/x509.ts";
import { VOTER_NAME } from "../../server/cluster/control/authority.ts";
import { clusterPaths } from "../../server/cluster/files/cluster_paths.ts";
import { until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";
import { SERVERS } from "../harness/versions.ts";

const FLAGS = ["--lease-ttl=3"];

function idOf(host: TestHost): string {
  return JSON.parse(Deno.readTextFileSync(`${host.stateDir}/cluster/cluster.json`)).host.id;
}

/** What a thief has, in a directory of his own. */
class Thief implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Copies the keys of both authorities off a voter, and all that a host has. */
  static async steal(voter: TestHost, host: TestHost): Promise<Thief> {
    const thief = new Thief(await Deno.makeTempDir({ prefix: "netsvc-test-" }));
    const paths = clusterPaths(voter.stateDir);
    const hosts = { certificate: await read(paths.ca), key: await read(paths.caKey) };
    const peers = { certificate: await read(paths.peerCa), key: await read(paths.peerCaKey) };
    const until = Date.now() + 3_600_000;
    const names = ["10.99.0.1", VOTER_NAME];
    const made = {
      voter: await certifyNew(hosts, { commonName: `voter-${idOf(voter)}`, names, until }),
      host: await certifyNew(hosts, { commonName: idOf(host), names, until }),
      peer: await certifyNew(peers, { commonName: `voter-${idOf(voter)}`, names, until }),
    };
    for (const [name, { certificate, key }] of Object.entries(made)) {
      await Deno.writeTextFile(`${thief.directory}/${name}.crt`, certificate);
      await Deno.writeTextFile(`${thief.directory}/${name}.key`, key);
    }
    const theirs = clusterPaths(host.stateDir);
    await Deno.copyFile(theirs.hostCertificate, `${thief.directory}/copied.crt`);
    await Deno.copyFile(theirs.hostKey, `${thief.directory}/copied.key`);
    return thief;
  }

  /** Asks a voter's etcd. @returns whether it answers */
  async etcd(from: TestHost, name: string, address: string): Promise<boolean> {
    // Whom the thief trusts is his own business.
    const { code } = await from.namespace.run([
      `${SERVERS}/etcd/usr/bin/etcdctl`,
      `--endpoints=https://${address}:2479`,
      ...["--insecure-skip-tls-verify", "--insecure-transport=false"],
      ...[`--cert=${this.directory}/${name}.crt`, `--key=${this.directory}/${name}.key`],
      ...["--dial-timeout=2s", "--command-timeout=3s", "get", "netsvc-cluster/public/cluster"],
    ], { env: { ETCDCTL_API: "3" } });
    return code === 0;
  }

  /** Asks a voter where hosts join, or as one of etcd's members. @returns the status of the answer; 0 where there is none */
  async ask(from: TestHost, name: string, url: string): Promise<number> {
    const { stdout } = await from.namespace.run([
      ...["curl", "-sSk", "--http1.1", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}"],
      ...["--cert", `${this.directory}/${name}.crt`, "--key", `${this.directory}/${name}.key`, url],
    ]);
    return Number(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(path);
}

async function votes(host: TestHost): Promise<number> {
  const { code, stdout } = await host.run(["cluster", "status", "--format", "json"]);
  const all: { store: string }[] = code === 0 ? JSON.parse(stdout) : [];
  return all.filter(({ store }) => /leader|follower/.test(store)).length;
}

Deno.test("another authority takes the old one's place while the cluster runs, and what is of the old one is out", async (t) => {
  await using cluster = await FormedCluster.create({ hosts: 4, flags: FLAGS });
  const [one, two, three, client] = cluster.hosts as [TestHost, TestHost, TestHost, TestHost];
  const voters = [one, two, three];
  const [address, name] = [cluster.address(0), cluster.name(3)];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  await until("three vote", async () => await votes(one) === 3, 120_000);
  assert.match(await read(clusterPaths(client.stateDir).file), /"client"/);
  await using thief = await Thief.steal(one, two);
  const from = one; // Others' packets are dropped where members speak.
  const token = await cluster.token();

  await step(
    "before: who has the keys reads the store, but is no host where hosts ask",
    async () => {
      assert.ok(await thief.etcd(from, "voter", address));
      assert.equal(await thief.ask(from, "voter", `https://${address}:2479/health`), 200);
      assert.equal(await thief.ask(from, "peer", `https://${address}:2480/members`), 200);
      assert.equal(await thief.ask(from, "copied", `https://${address}:2478/tokens`), 200);
      assert.equal(await thief.ask(from, "host", `https://${address}:2478/tokens`), 401);
    },
  );

  await step("a host that is down is named, and nothing has changed", async () => {
    const before = await read(clusterPaths(one.stateDir).ca);
    await cluster.setLink(3, "down");
    await until("it is down", async () => {
      return new RegExp(`${name} .*down`).test((await one.run(["host", "ls"])).stdout);
    }, 30_000);
    await one.fails(1, new RegExp(`${name} is down.*-f`), "cluster", "ca", "rotate");
    assert.equal(await read(clusterPaths(one.stateDir).ca), before);
  });

  await step("it goes on though a daemon is killed, and writes go on", async () => {
    const rotating = one.run(["cluster", "ca", "rotate", "-f"], { timeout: 240_000 });
    let over = false;
    rotating.finally(() => over = true);
    await until("it is shown", async () => {
      return /step [234] of 4/.test((await one.run(["cluster", "status"])).stdout);
    }, 60_000);
    await two.stop("SIGKILL");
    await two.start();
    let written = 0;
    for (let n = 0; !over; n++) {
      const words = ["network", "create", "-d", "overlay", "-o", "encrypted=false", `n${n}`];
      if ((await one.run(words)).code === 0) written++;
    }
    const { code, stdout, stderr } = await rotating;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /another authority.*Put out: host-4\.\n/);
    assert.ok(written > 0);
  });

  await step("after: nothing of the old authorities is taken anywhere", async () => {
    for (const voter of voters) {
      const at = cluster.address(voters.indexOf(voter));
      for (const name of ["voter", "host", "copied", "peer"]) {
        const store = await thief.ask(voter, name, `https://${at}:2479/health`);
        assert.equal(store, 0, `etcd of ${at}: ${name}`);
        const members = await thief.ask(voter, name, `https://${at}:2480/members`);
        assert.equal(members, 0, `member ${at}: ${name}`);
        const asked = await thief.ask(voter, name, `https://${at}:2478/tokens`);
        assert.equal(asked, 401, `join ${at}: ${name}`);
      }
      const { nextCaKey, nextPeerCaKey } = clusterPaths(voter.stateDir);
      // In the voter's next round, once the change is over.
      for (const path of [nextCaKey, nextPeerCaKey]) {
        await until(`${path} is gone`, () =>
          Deno.stat(path).then(
            () => false,
            (error) => error instanceof Deno.errors.NotFound,
          ), 30_000);
      }
    }
    assert.doesNotMatch(await one.ok("cluster", "status"), /step|host-4/);
  });

  await step("tokens of before have ended; the host that was put out joins anew", async () => {
    await cluster.setLink(3, "up");
    await client.ok("cluster", "leave", "-f");
    const refused = await client.run(["cluster", "join", token]);
    assert.notEqual(refused.code, 0);
    await client.ok("cluster", "join", await cluster.token());
    assert.equal(await votes(one), 3);
    await one.ok("network", "ls");
  });
});

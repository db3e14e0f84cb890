/**
 * Clusters of `cluster init` after the worst, on the executable: a majority that is lost and comes back, and certificates
 * that have ended meanwhile.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createRequest, readCertificate, requestedKey } from "../../lib/x509/x509.ts";
import { certify } from "../../lib/x509/x509.ts";
import { VOTER_NAME } from "../../server/cluster/etcd/arguments.ts";
import { clusterPaths } from "../../server/cluster/files/cluster_paths.ts";
import { until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

const FLAGS = ["--replace-after=600", "--lease-ttl=3"];

async function status(host: TestHost): Promise<{ name: string; role: string; store: string }[]> {
  const { code, stdout } = await host.run(["cluster", "status", "--format", "json"]);
  return code === 0 ? JSON.parse(stdout) : [];
}

async function threeVote(host: TestHost): Promise<boolean> {
  const votes = (await status(host)).filter(({ store }) => /leader|follower/.test(store));
  return votes.length === 3;
}

Deno.test("a majority that comes back after recover is no cluster of its own", async () => {
  await using cluster = await FormedCluster.create({ hosts: 3, flags: FLAGS });
  await cluster.explain(async () => {
    const [first, second, third] = cluster.hosts as [TestHost, TestHost, TestHost];
    await until("three vote", () => threeVote(third), 120_000);
    for (const { stateDir } of cluster.hosts) {
      await until("it knows all three", () => {
        const { role, store } = JSON.parse(
          Deno.readTextFileSync(`${stateDir}/cluster/cluster.json`),
        );
        return role === "voter" && store.endpoints.length === 3;
      }, 30_000);
    }
    await third.ok("network", "create", "-d", "overlay", "-o", "encrypted=false", "before");
    await cluster.crash(0);
    await cluster.crash(1);
    await until("the majority is gone", async () => {
      return (await third.run(["network", "create", "-d", "overlay", "no"])).code !== 0;
    }, 60_000);
    await third.ok("cluster", "recover", "--yes");
    await until("it takes writes", async () => {
      const words = ["network", "create", "-d", "overlay", "-o", "encrypted=false", "after"];
      return (await third.run(words)).code === 0;
    }, 60_000);
    assert.match(await third.ok("network", "ls"), /before/);
    // Both come back at once, with the data of a majority.
    await Promise.all([first.start(), second.start()]);
    for (const host of [first, second]) {
      await until("it has what was made without it", async () => {
        const { code, stdout } = await host.run(["network", "ls"]);
        return code === 0 && /after/.test(stdout) && /before/.test(stdout);
      }, 60_000);
    }
    // And they vote again, as hosts that are asked to.
    await until("three vote again", () => threeVote(third), 120_000);
    for (const host of [first, second]) await until("it knows", () => threeVote(host), 60_000);
    await first.ok("network", "create", "-d", "overlay", "-o", "encrypted=false", "again");
    await until("all see it", async () => /again/.test(await second.ok("network", "ls")), 30_000);
  });
});

/** Has the authority's key sign a host's two certificates for a time that is over. */
async function endCertificates(host: TestHost, address: string): Promise<void> {
  const paths = clusterPaths(host.stateDir);
  const [certificate, key] = await Promise.all(
    [paths.ca, paths.caKey].map((path) => Deno.readTextFile(path)),
  ) as [string, string];
  for (
    const [file, keyFile, names] of [
      [paths.hostCertificate, paths.hostKey, [address]],
      [paths.voterCertificate, paths.voterKey, [address, VOTER_NAME]],
    ] as const
  ) {
    const { commonName } = readCertificate(await Deno.readTextFile(file));
    const { request } = await createRequest(commonName, await Deno.readTextFile(keyFile));
    const publicKey = (await requestedKey(request))!;
    const over = Date.now() - 60_000;
    const subject = { publicKey, commonName, names: [...names], until: over };
    await Deno.writeTextFile(file, await certify({ certificate, key }, subject));
  }
}

Deno.test("a cluster that was off until all certificates had ended goes on", async () => {
  await using cluster = await FormedCluster.create({ hosts: 1, flags: FLAGS });
  await cluster.explain(async () => {
    const [first] = cluster.hosts as [TestHost];
    await first.ok("network", "create", "-d", "overlay", "-o", "encrypted=false", "before");
    await cluster.crash(0);
    await endCertificates(first, cluster.address(0));
    await first.start();
    await until("it takes writes", async () => {
      const words = ["network", "create", "-d", "overlay", "-o", "encrypted=false", "after"];
      return (await first.run(words)).code === 0;
    }, 60_000);
    assert.match(await first.ok("network", "ls"), /before/);
    const paths = clusterPaths(first.stateDir);
    for (const file of [paths.hostCertificate, paths.voterCertificate]) {
      assert.ok(readCertificate(await Deno.readTextFile(file)).until > Date.now() + 86_400_000);
    }
    await cluster.join(await cluster.addHost());
    await until("the new host is there", async () => (await status(first)).length === 2, 30_000);
  });
});

/** `cluster init --kv-store=…`: a cluster on a store that was there before, whose certificates go into the token. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { makeCertificates } from "../harness/certificates.ts";
import { ok, until } from "../harness/command.ts";
import { startEtcd } from "../harness/etcd.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

for (const family of [4, 6] as const) {
  Deno.test(`a cluster is made on a store that exists, and joined with what its token has - IPv${family}`, async (t) => {
    await using cluster = await FormedCluster.create({ hosts: 3, apart: true, family });
    const address = family === 4 ? "10.99.0.100" : "fd99::100";
    await cluster.hub.ip(
      `addr add ${address}/${family === 4 ? "24" : "64 nodad"} dev sw`,
      "link set dev lo up",
    );
    await using tls = await makeCertificates(`IP:${address}`);
    await using etcd = await startEtcd({ tls, host: address, namespace: cluster.hub.path });
    // The client's files are copies, which go away: etcd reads its own again and again.
    const copies = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    await ok(["cp", tls.ca, tls.cert, tls.key, copies]);
    const [ca, cert, key] = [tls.ca, tls.cert, tls.key].map((path) =>
      `${copies}/${basename(path)}`
    );
    const words = `ca=${ca}&cert=${cert}&key=${key}`;
    const flag = `--kv-store=etcds:${etcd.endpoint}/ours?${words}`;
    const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
    const step = (name: string, action: () => Promise<void>) =>
      t.step(name, () => cluster.explain(action));
    let first = "";
    let token = "";

    await step("what can't be is refused, and leaves nothing", async () => {
      for (
        const [more, said] of [
          [["--kv-store=local"], /"local" is this host's own/],
          [["--kv-store=nosuch:x"], /Unknown store "nosuch"/],
          [[`--kv-store=etcds:${etcd.endpoint}?ca=/nowhere.pem`], /nowhere\.pem/],
          [[`--kv-store=etcds:${etcd.endpoint}`], /store/],
          [[flag, "--etcd=/bin/true"], /runs no etcd/],
        ] as const
      ) await one.fails(1, said, "cluster", "init", ...more);
      assert.match(await one.ok("cluster", "status"), /in no cluster/);
    });

    await step("init", async () => {
      const said = await one.ok("cluster", "init", flag);
      [, first] = /netsvc cluster join (nsj1\.\S+)$/.exec(said) as unknown as [string, string];
    });

    await step("join, and each of them makes tokens", async () => {
      assert.match(
        await two.ok("cluster", "join", first),
        /^Joined cluster [0-9a-f]{8}: 2 hosts\.$/,
      );
      token = (await two.ok("cluster", "token", "create", "-q")).trim();
      assert.match(await one.ok("cluster", "token", "ls"), /^[0-9a-f]{16} +1 +20/m);
      await three.fails(1, /join token is not good/, "cluster", "join", first);
      assert.match(await three.ok("cluster", "join", token), /3 hosts/);
    });

    await step("status, on all of them", async () => {
      for (const host of cluster.hosts) {
        const status = await host.ok("cluster", "status");
        for (const name of ["host-1", "host-2", "host-3"]) {
          assert.match(status, new RegExp(`^${name} .* client +– +– +`, "m"));
        }
      }
      await one.fails(1, /store that was there before/, "cluster", "backup", "/tmp/netsvc-none");
      await one.fails(1, /login/, "host", "rm", "-f", "host-2");
    });

    await step("networks are shared, and encrypted unless it is said", async () => {
      await one.ok("network", "create", "-d", "overlay", "prod");
      await until("it is seen", async () => /prod/.test(await three.ok("network", "ls")), 20_000);
      assert.match(await three.ok("network", "info", "prod"), /encrypted/);
    });

    await step("daemons that are killed are in it again, without the files of init", async () => {
      await Deno.remove(copies, { recursive: true });
      await Promise.all([one.stop("SIGKILL"), two.stop("SIGKILL")]);
      await Promise.all([one.start(), two.start()]);
      await one.ok("network", "create", "-d", "overlay", "later");
      await until("it is seen", async () => /later/.test(await two.ok("network", "ls")), 20_000);
    });

    await step("one leaves, and joins again", async () => {
      await three.ok("cluster", "leave");
      assert.match(await three.ok("cluster", "status"), /in no cluster/);
      assert.doesNotMatch(await one.ok("cluster", "status"), /host-3/);
      const again = (await one.ok("cluster", "token", "create", "-q")).trim();
      assert.match(await three.ok("cluster", "join", again), /3 hosts/);
    });
  });
}

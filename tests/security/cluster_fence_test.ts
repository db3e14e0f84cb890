/** Containers don't reach the ports of a cluster that `cluster init` made: neither a voter's on another host, nor their own host's. */
import assert from "node:assert/strict";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

/** Where hosts join, etcd, and etcd's peers. */
const PORTS = ["2478", "2479", "2480"];
const SCRIPT = 'exec 3<>"/dev/tcp/$1/$2"';

for (const family of [4, 6] as const) {
  Deno.test(`containers don't reach the store of a cluster, nor where hosts join - IPv${family}`, async () => {
    await using cluster = await FormedCluster.create({ hosts: 2, family });
    await cluster.explain(async () => {
      for (const host of cluster.hosts) {
        await host.ok("network", "create", "--ipv6", "own");
        await host.ok("container", "create", "--net", "own", "box");
      }
      const [one, two] = cluster.hosts as [TestHost, TestHost];
      const words = (port: string) => [
        ...["timeout", "2", "bash", "-c", SCRIPT, "bash", cluster.address(0), port],
      ];
      for (const port of PORTS) {
        // The port is there: the other host reaches it.
        assert.equal((await two.namespace.run(words(port))).code, 0, `host-2 to ${port}`);
        for (const host of [one, two]) {
          const name = `a container of ${host === one ? "the voter" : "host-2"} to ${port}`;
          assert.notEqual((await host.inside("box", words(port))).code, 0, name);
        }
      }
    });
  });
}

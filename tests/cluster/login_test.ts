import assert from "node:assert/strict";
import { startConsul } from "../harness/consul.ts";
import { startDenoKv } from "../harness/denokv.ts";
import { etcdctl, startEtcd } from "../harness/etcd.ts";
import { TestHost } from "../harness/host.ts";
import { startZooKeeper } from "../harness/zookeeper.ts";

const SECRET = "not-the-secret";

/** A host whose daemon has no store yet; servers of these tests are on its loopback. */
async function withHost(test: (host: TestHost) => Promise<void>): Promise<void> {
  await using host = await TestHost.create({ stopped: true });
  await test(host);
}

/** Its daemon on this store ends with 1 and one line, and tells no secret. */
async function refused(host: TestHost, url: string, message: RegExp): Promise<void> {
  const words = [...host.daemonWords, `--kv-store=${url}`];
  const { code, stdout, stderr } = await host.namespace.run(words);
  assert.equal(code, 1, `${url}: ${stdout}${stderr}`);
  assert.match(stderr, message);
  assert.match(stderr, /^netsvc: [^\n]*\n$/);
  assert.doesNotMatch(stdout + stderr, new RegExp(SECRET));
}

Deno.test("a wrong store is refused at the start", () =>
  withHost(async (host) => {
    for (
      const [url, message] of [
        ["redis:127.0.0.1:1", /"redis"/],
        ["etcd:", /etcd/],
        ["etcd:127.0.0.1:port", /port/],
        [`etcd:127.0.0.1:1?pasword=${SECRET}`, /pasword/],
      ] as const
    ) await refused(host, url, message);
  }));

Deno.test("a refused login ends the daemon - etcd", () =>
  withHost(async (host) => {
    const { path: namespace } = host.namespace;
    await using server = await startEtcd({ namespace });
    for (const words of ["user add root:right", "user grant-role root root", "auth enable"]) {
      await etcdctl(server, words.split(" "), namespace);
    }
    await refused(host, `etcd://root:${SECRET}@${server.endpoint}`, /refuses the login/);
  }));

Deno.test("a refused login ends the daemon - consul", () =>
  withHost(async (host) => {
    const { path: namespace } = host.namespace;
    await using server = await startConsul({ namespace, token: crypto.randomUUID() });
    await refused(host, `${server.url}?token=${SECRET}`, /refuses the login/);
  }));

Deno.test("a refused login ends the daemon - denokv", () =>
  withHost(async (host) => {
    await using server = await startDenoKv({ namespace: host.namespace.path });
    const url = server.url.replace(/token=.*/, `token=${SECRET}`);
    await refused(host, url, /refuses the (login|token)/);
  }));

Deno.test("a refused login ends the daemon - zookeeper, which knows the host from before", () =>
  withHost(async (host) => {
    await using server = await startZooKeeper({ namespace: host.namespace.path });
    const url = (password: string) => `zk://me:${password}@${server.endpoint}/private`;
    host.flags.push(`--kv-store=${url("right")}`);
    await host.start();
    await host.ok("network", "create", "-d", "overlay", "prod");
    assert.doesNotMatch(host.log(), /right@/);
    await host.stop();
    host.flags.pop();
    await refused(host, url(SECRET), /belong to another user/);
  }));

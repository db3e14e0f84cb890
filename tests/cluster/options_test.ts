/** What a daemon says to wrong values of the cluster's commands: one line, with the value and the remedy; nothing is changed. */
import assert from "node:assert/strict";
import { TestHost } from "../harness/host.ts";
import { program } from "../harness/versions.ts";

/** Of a host that is in no cluster. `BRIDGE` is the address of netsvc's own bridge. */
const OUTSIDE: [words: string, said: RegExp][] = [
  ["init --name -x", /--name "-x".*letters/],
  [`init --name ${"n".repeat(65)}`, /name.*64/],
  ["init --name a/b", /--name "a\/b".*letters/],
  ["init --advertise 10.9.9.9", /--advertise "10\.9\.9\.9".*it has/],
  ["init --advertise nolink", /--advertise "nolink".*it has/],
  ["init --advertise 127.0.0.1", /--advertise "127\.0\.0\.1": other hosts can't reach/],
  ["init --advertise BRIDGE", /--advertise "BRIDGE": .*netsvc's own "nsb.*it has/],
  ["init --etcd /nowhere/etcd", /no etcd at "\/nowhere\/etcd".*apt-get install/],
  ["init --etcd /bin/true", /"\/bin\/true" is no etcd/],
  ["init --kv-store nonsense", /nonsense/],
  ["init --kv-store local", /local/],
  ["init --kv-store etcd:127.0.0.1:1 --etcd /bin/true", /leave --etcd "\/bin\/true" out/],
  ["join nonsense", /token/],
  ["join nsj1.zz", /token/],
  ["join nsj2.zz", /token/],
  ["leave", /no cluster.*init.*join TOKEN/],
  ["token create", /no cluster.*init.*join TOKEN/],
  ["token ls", /no cluster.*init.*join TOKEN/],
  ["token rm 0", /no cluster.*init.*join TOKEN/],
  ["keys rotate", /no cluster.*init.*join TOKEN/],
  ["backup /tmp/b", /no cluster.*init.*join TOKEN/],
  ["restore /tmp/b", /no cluster.*init.*join TOKEN/],
  ["recover --yes", /no cluster.*init.*join TOKEN/],
  ["upgrade", /no cluster.*init.*join TOKEN/],
];
/** Of one that is. */
const INSIDE: [words: string, said: RegExp][] = [
  ["init", /in cluster [0-9a-f]{8} already.*leave/],
  ["join nsj1.zz", /in cluster [0-9a-f]{8} already.*leave/],
  ["token rm 0123", /"0123".*token ls/],
  ["backup /nowhere/b", /\/nowhere\/b/],
  ["restore /nowhere/b", /\/nowhere\/b/],
  ["restore /etc/hostname", /\/etc\/hostname/],
  ["recover --yes", /majority.*-f/],
  ["leave", /last host.*-f/],
];

Deno.test("wrong values are refused in one line that names them and what would be right", async () => {
  await using host = await TestHost.create({ stopped: true });
  await host.namespace.ip(
    "link add u0 type bridge",
    "link set u0 up",
    "addr add 10.99.0.1/24 dev u0",
  );
  await host.start();
  const [{ pools: [{ gateway: bridge }] }] = JSON.parse(
    await host.ok("network", "info", "--format", "json", "bridge"),
  );
  const refuse = async (cases: typeof INSIDE) => {
    for (const [words, said] of cases) {
      const wanted = new RegExp(said.source.replaceAll("BRIDGE", bridge.replaceAll(".", "\\.")));
      const { code, stderr } = await host.run(
        ["cluster", ...words.replace("BRIDGE", bridge).split(" ")],
      );
      assert.ok([1, 2].includes(code), `${words}: ${code}`);
      assert.match(stderr, wanted, words);
      assert.match(stderr, /^netsvc: [^\n]+\n$/, words);
    }
  };
  await refuse(OUTSIDE);
  assert.match(await host.ok("cluster", "status"), /in no cluster/);
  assert.equal(await Deno.stat(`${host.stateDir}/cluster`).catch(() => undefined), undefined);
  await host.ok("cluster", "init", "--etcd", program("etcd"));
  await refuse(INSIDE);
  assert.match(await host.ok("cluster", "status"), /voter +leader/);
});

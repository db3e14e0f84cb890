/**
 * Hosts of a cluster at another host's API, with their certificates: they ask how it is, and nothing of what a token
 * opens. Who isn't a host of the cluster, or is none any more, gets nothing.
 */
import assert from "node:assert/strict";
import { certifyNew, createAuthority, type KeyPair } from "../../lib/x509/x509.ts";
import { clusterPaths } from "../../server/cluster/files/cluster_paths.ts";
import { makeCertificates } from "../harness/certificates.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

const TOKEN = "0123456789abcdef0123";
const API = "https://10.99.0.1:2380";
const OWN = "/netsvc/v1";

/** What a host may ask. */
const OPEN = ["/version", "/healthz", "/cluster", "/hosts"].map((path) => OWN + path);
/** What wants a token, with its method. */
const SHUT = [
  ...["/networks", "/services", "/containers", "/events", "/metrics", "/doctor"],
  ...["/hosts/host-1", "/hosts/", "/cluster/tokens", "/openapi.json", "/../v1/networks"],
].map((path) => ["GET", OWN + path] as const);
const CHANGES = [
  ["POST", `${OWN}/networks`],
  ["POST", `${OWN}/containers`],
  ["POST", `${OWN}/cluster/tokens`],
  ["POST", `${OWN}/cluster/ca/rotate`],
  ["POST", `${OWN}/cluster/backup`],
  ["POST", `${OWN}/cluster/leave`],
  ["DELETE", `${OWN}/hosts/host-2`],
  ["HEAD", `${OWN}/networks`],
  ["GET", "/metrics"],
  ["GET", "/v1.41/containers/json"],
  ["POST", "/v1.41/containers/create"],
  ["POST", "/v1.41/exec/x/start"],
] as const;

Deno.test("a host's certificate opens what a host may ask, at another one's API, while it is a host", async (t) => {
  await using made = await makeCertificates("IP:10.99.0.1,IP:10.99.0.2");
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  await Deno.writeTextFile(`${directory}/token`, `${TOKEN}\n`);
  await using cluster = await FormedCluster.create({
    hosts: 2,
    flags: [
      ...["-H", "tcp://0.0.0.0:2380", "--tls-cert", made.cert, "--tls-key", made.key],
      ...["--token-file", `${directory}/token`],
    ],
  });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const paths = clusterPaths(two.stateDir);
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  const certificate = (cert: string, key: string) => ["--cert", cert, "--key", key];
  const own = certificate(paths.hostCertificate, paths.hostKey);
  const token = ["-H", `Authorization: Bearer ${TOKEN}`];

  /** The status of an answer; 0 where there is none. */
  async function ask(path: string, words: string[] = [], method = "GET"): Promise<number> {
    const { stdout } = await two.namespace.run([
      ...["curl", "-sS", "-m", "20", "--cacert", made.ca, "--path-as-is"],
      ...method === "HEAD" ? ["-I"] : ["-X", method],
      ...["-o", "/dev/null", "-w", "%{http_code}", ...words, `${API}${path}`],
    ]);
    return Number(stdout);
  }

  /** A certificate of an authority's, in files. */
  async function forge(authority: KeyPair, commonName: string): Promise<string[]> {
    const subject = { commonName, names: ["10.99.0.2"], until: Date.now() + 3_600_000 };
    const { certificate: cert, key } = await certifyNew(authority, subject);
    await Deno.writeTextFile(`${directory}/forged.crt`, cert);
    await Deno.writeTextFile(`${directory}/forged.key`, key);
    return certificate(`${directory}/forged.crt`, `${directory}/forged.key`);
  }

  await step("it asks how the other one is", async () => {
    for (const path of OPEN) assert.equal(await ask(path, own), 200, path);
  });

  await step("it gets nothing of what makes a token's holder root", async () => {
    for (const [method, path] of [...SHUT, ...CHANGES]) {
      assert.equal(await ask(path, own, method), 403, `${method} ${path}`);
    }
    // Nor is a request turned into a connection, with whatever is shown.
    const upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: tcp"];
    for (const words of [own, token]) {
      assert.equal(await ask("/v1.41/exec/x/start", [...words, ...upgrade], "POST"), 501);
    }
  });

  await step("a token does what it did, with a certificate and without", async () => {
    assert.equal(await ask(`${OWN}/networks`, token), 200);
    assert.equal(await ask(`${OWN}/networks`, [...token, ...own]), 200);
    assert.equal(await ask(`${OWN}/hosts`, ["-H", "Authorization: Bearer x", ...own]), 401);
    const large = `${directory}/large`;
    await Deno.writeTextFile(large, JSON.stringify({ name: "x".repeat(2_000_000) }));
    const json = ["-H", "content-type: application/json", "--data-binary", `@${large}`];
    assert.equal(await ask(`${OWN}/networks`, [...token, ...json], "POST"), 413);
  });

  await step("who isn't a host gets nothing: whoever has signed for him", async () => {
    assert.equal(await ask(`${OWN}/hosts`), 401);
    const id = JSON.parse(await Deno.readTextFile(paths.file)).host.id;
    const voter = clusterPaths(one.stateDir);
    const [ca, key] = await Promise.all(
      [voter.ca, voter.caKey].map((path) => Deno.readTextFile(path)),
    ) as [string, string];
    const stranger = await createAuthority("x", Date.now() + 3_600_000);
    for (
      const words of [
        await forge(stranger, id),
        certificate(voter.voterCertificate, voter.voterKey),
        certificate(voter.peerCertificate, voter.peerKey),
        // Who has stolen the authority's key has none of the hosts'.
        await forge({ certificate: ca, key }, id),
        await forge({ certificate: ca, key }, "e".repeat(64)),
        await forge({ certificate: ca, key }, "../tokens/x"),
      ]
    ) {
      for (const path of OPEN) assert.equal(await ask(path, words), 401, path);
    }
  });

  await step("while the store is away nobody knows, so it isn't taken; a token is", async () => {
    const pid = Number((await Deno.readTextFile(`${one.stateDir}/cluster/etcd.json.pid`)).trim());
    Deno.kill(pid, "SIGSTOP");
    try {
      assert.equal(await ask(`${OWN}/hosts`, own), 503);
      assert.equal(await ask("/healthz", token), 200);
    } finally {
      Deno.kill(pid, "SIGCONT");
    }
  });

  await step("a host that is removed is out at once", async () => {
    for (const file of [paths.hostCertificate, paths.hostKey]) {
      await Deno.copyFile(file, `${directory}/${file.split("/").at(-1)}`);
    }
    const copied = certificate(`${directory}/host.crt`, `${directory}/host.key`);
    await one.ok("cluster", "status");
    assert.equal(await ask(`${OWN}/hosts`, copied), 200);
    await one.ok("host", "rm", "-f", "host-2");
    assert.equal(await ask(`${OWN}/hosts`, copied), 401);
    // It comes back with a new key; the old one stays out.
    await two.ok("cluster", "leave", "-f");
    await cluster.join(two);
    assert.equal(await ask(`${OWN}/hosts`, own), 200);
    assert.equal(await ask(`${OWN}/hosts`, copied), 401);
  });
  await Deno.remove(directory, { recursive: true });
});

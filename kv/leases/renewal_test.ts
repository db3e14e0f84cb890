/** Certificates, keys, passwords and tokens that are renewed on disk, with real servers. */
import { configure, type LogRecord, reset } from "@logtape/logtape";
import assert from "node:assert/strict";
import { type Certificates, makeCertificates } from "../../tests/harness/certificates.ts";
import { ok } from "../../tests/harness/command.ts";
import { startConsul } from "../../tests/harness/consul.ts";
import { DENOKV_TOKEN, startDenoKv } from "../../tests/harness/denokv.ts";
import { etcdctl, startEtcd } from "../../tests/harness/etcd.ts";
import type { TestServer } from "../../tests/harness/server.ts";
import { startZooKeeper } from "../../tests/harness/zookeeper.ts";
import { committed, put, until, Viewer, withDeadline } from "../testing/case.ts";
import { openStore } from "../open.ts";
import type { Store } from "../store.ts";

const FILES = ["ca", "cert", "key"] as const;
const options = { stateDir: "/nonexistent" };

/** A folder for what a client is given, and what the stores log meanwhile. */
class Folder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
  readonly logged: string[] = [];

  static async create(): Promise<Folder> {
    const folder = new Folder();
    const sink = ({ message }: LogRecord) => void folder.logged.push(message.join(""));
    await configure({
      reset: true,
      sinks: { sink },
      loggers: [
        { category: "netsvc", sinks: ["sink"], lowestLevel: "info" },
        { category: ["logtape", "meta"], sinks: ["sink"], lowestLevel: "error" },
      ],
    });
    return folder;
  }

  /** Writes a file under another name and moves it to its place. */
  write(name: string, text: string): string {
    const path = `${this.path}/${name}`;
    Deno.writeTextFileSync(`${path}.new`, text);
    Deno.renameSync(`${path}.new`, path);
    return path;
  }

  /** Takes certificates over and gives the parameters of a URL. */
  take(certificates: Certificates): string {
    return FILES.map((name) =>
      `${name}=${this.write(name, Deno.readTextFileSync(certificates[name]))}`
    ).join("&");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await reset();
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** What is under way goes on, and all works soon, when credentials are renewed. */
async function goesOn(store: Store, renew: () => Promise<void>): Promise<void> {
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  const lease = await store.lease(30_000);
  let lost: Error | undefined;
  lease.lost.then((error) => lost = error);
  committed(await store.commit({ puts: [{ key: "k/leased", value: "1", lease }] }));
  await renew();
  await until(() => put(store, "k/after", "1").then(() => true, () => false), "a write");
  await withDeadline(viewer.until((view) => view.has("k/after")), 15_000, "the watch");
  await store.lease(30_000).then((lease) => lease.revoke());
  assert.equal(lost, undefined);
  assert.equal((await store.get("k/leased"))?.value, "1");
  await lease.revoke();
}

/** Another authority, for server and client, while a client is connected. */
async function certificatesAreRenewed(
  scheme: string,
  start: (options: { tls: Certificates }) => Promise<TestServer>,
  renewServer: (server: TestServer, certificates: Certificates) => Promise<void> = () =>
    Promise.resolve(),
): Promise<void> {
  await using folder = await Folder.create();
  await using certificates = await makeCertificates();
  await using next = await makeCertificates();
  await using server = await start({ tls: certificates });
  const parameters = folder.take(certificates);
  await using store = await openStore(`${scheme}:${server.endpoint}?${parameters}`, options);
  await goesOn(store, async () => {
    await server.stop("SIGTERM");
    for (const name of FILES) Deno.copyFileSync(next[name], certificates[name]);
    await renewServer(server, certificates);
    await server.start();
    folder.take(next);
  });
  const told = folder.logged.filter((line) => line.startsWith("Took up the renewed TLS files"));
  assert.ok(told.length > 0, folder.logged.join("\n"));
  await store[Symbol.asyncDispose]();
  // gRPC's timers of a connection that failed run out.
  await new Promise((resolve) => setTimeout(resolve, 3000));
}

Deno.test("renewed certificates are taken up - etcd", () =>
  certificatesAreRenewed("etcd", startEtcd));

Deno.test("renewed certificates are taken up - consul", () =>
  certificatesAreRenewed("consul", startConsul));

Deno.test("renewed certificates are taken up - zookeeper", () =>
  certificatesAreRenewed("zk", startZooKeeper, async (server, { cert, key }) => {
    const pkcs8 = await ok(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key]);
    const text = `${pkcs8}\n${Deno.readTextFileSync(cert)}`;
    Deno.writeTextFileSync(`${server.directory}/server.pem`, text);
  }));

Deno.test("a renewed password is taken up - etcd", async () => {
  await using folder = await Folder.create();
  await using server = await startEtcd();
  for (
    const words of [
      ...["user add root:pw", "user grant-role root root", "role add rw"],
      ...["role grant-permission rw readwrite netsvc/ --prefix=true"],
      ...["user add me:one", "user grant-role me rw", "auth enable"],
    ]
  ) await etcdctl(server, words.split(" "));
  const path = folder.write("password", "one\n");
  const url = `etcd://me@${server.endpoint}?password-file=${path}`;
  await using store = await openStore(url, options);
  const asRoot = (...words: string[]) => etcdctl(server, ["--user=root:pw", ...words]);
  await goesOn(store, async () => {
    await asRoot("user", "delete", "me");
    folder.write("password", "two\n");
    await asRoot("user", "add", "me:two");
    await asRoot("user", "grant-role", "me", "rw");
  });
});

Deno.test("a renewed token is taken up, and a withdrawn one isn't used - consul", async () => {
  await using folder = await Folder.create();
  const root = crypto.randomUUID();
  await using server = await startConsul({ token: root });
  const api = async (method: string, path: string, body?: unknown) =>
    JSON.parse(
      await ok([
        ...["curl", "-fsS", "-X", method, "-H", `X-Consul-Token: ${root}`],
        ...body === undefined ? [] : ["-d", JSON.stringify(body)],
        `http://${server.endpoint}/v1/acl/${path}`,
      ]),
    );
  const make = () => api("PUT", "token", { Policies: [{ Name: "global-management" }] });
  const [one, two] = [await make(), await make()];
  const path = folder.write("token", one.SecretID);
  await using store = await openStore(`${server.url}?token-file=${path}`, options);
  await goesOn(store, async () => {
    folder.write("token", two.SecretID);
    await api("DELETE", `token/${one.AccessorID}`);
  });
});

Deno.test("a renewed token is taken up - denokv", async () => {
  await using folder = await Folder.create();
  await using server = await startDenoKv();
  const path = folder.write("token", "wrong");
  const url = `denokv:http://${server.endpoint}?token-file=${path}`;
  await using store = await openStore(url, options);
  await assert.rejects(store.get("k"), { code: "unauthorized" });
  folder.write("token", DENOKV_TOKEN);
  await put(store, "k", "1");
});

Deno.test("a renewed password is taken up - zookeeper", async () => {
  await using folder = await Folder.create();
  await using server = await startZooKeeper();
  {
    await using store = await openStore(`zk://me:right@${server.endpoint}/private`, options);
    await put(store, "k", "1");
  }
  const path = folder.write("password", "wrong");
  const url = `zk://me@${server.endpoint}/private?password-file=${path}`;
  await using store = await openStore(url, options);
  await assert.rejects(store.get("k"), { code: "unauthorized" });
  folder.write("password", "right");
  await until(() => store.get("k").then((entry) => entry?.value === "1", () => false), "a read");
});

Deno.test("a broken new file leaves the old one in use and is told of once", async () => {
  await using folder = await Folder.create();
  await using certificates = await makeCertificates();
  await using other = await makeCertificates();
  await using server = await startEtcd({ tls: certificates });
  const parameters = folder.take(certificates);
  await using store = await openStore(`etcd:${server.endpoint}?${parameters}`, options);
  const BROKEN: [name: string, text: string | undefined, told: RegExp][] = [
    ["ca", "no certificate", /^The store's CA file ".*ca" holds no PEM certificate/],
    ["cert", "", /^The store's certificate file ".*cert" holds no PEM certificate/],
    [
      "key",
      Deno.readTextFileSync(other.key),
      /^The store's key file ".*key" is not that of the certificate in ".*cert"/,
    ],
    ["key", undefined, /^Cannot read the store's key file ".*key"/],
  ];
  for (const [name, text, told] of BROKEN) {
    folder.logged.length = 0;
    if (text === undefined) Deno.removeSync(`${folder.path}/${name}`);
    else folder.write(name, text);
    await until(() => Promise.resolve(folder.logged.length > 0), "it is told");
    await new Promise((resolve) => setTimeout(resolve, 4500));
    assert.equal(folder.logged.length, 1, folder.logged.join("\n"));
    assert.match(folder.logged[0]!, told);
    assert.match(folder.logged[0]!, /; the store "?etcds:.* goes on with what it had$/);
    await put(store, "k", "1");
    folder.take(certificates);
  }
  folder.logged.length = 0;
  await server.stop("SIGTERM");
  for (const name of FILES) Deno.copyFileSync(other[name], certificates[name]);
  await server.start();
  folder.take(other);
  await until(() => put(store, "k", "2").then(() => true, () => false), "a write");
  assert.match(folder.logged.join("\n"), /^Took up the renewed TLS files of the store /);
  await store[Symbol.asyncDispose]();
  await new Promise((resolve) => setTimeout(resolve, 3000));
});

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import type { Entry, Transaction } from "../../../../kv/store.ts";
import {
  certify,
  createRequest,
  isGoodFor,
  isSignedBy,
  readCertificate,
  requestedKey,
} from "../../../../lib/x509/x509.ts";
import { Authority, VOTER_NAME, voterUser, writeVoterFiles } from "../../control/authority.ts";
import { createPeerAuthority, writePeerFiles } from "../../control/peer_authority.ts";
import { memberHosts } from "../../control/records.ts";
import { type ClusterPaths, clusterPaths } from "../../files/cluster_paths.ts";
import { certifySelf, OwnCertificates } from "./own_certificates.ts";

const DAY_MS = 86_400_000;
const self = { id: "a".repeat(64), address: "10.0.0.1" };

/** A voter's files. */
class Files implements AsyncDisposable {
  readonly paths: ClusterPaths;
  readonly authority: Authority;

  constructor(directory: string, authority: Authority) {
    this.paths = clusterPaths(directory);
    this.authority = authority;
  }

  static async create(): Promise<Files> {
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const files = new Files(directory, await Authority.create("c".repeat(64), Date.now()));
    const { paths, authority } = files;
    await Deno.mkdir(paths.directory);
    await Deno.writeTextFile(paths.ca, authority.certificate);
    const { request, key } = await createRequest(self.id);
    const publicKey = (await requestedKey(request))!;
    await Deno.writeTextFile(paths.hostKey, key);
    const certificate = await authority.certifyHost({ ...self, publicKey });
    await Deno.writeTextFile(paths.hostCertificate, certificate);
    await writeVoterFiles(paths, { authority, ...self });
    await writePeerFiles(paths, { authority: await createPeerAuthority("c".repeat(64)), ...self });
    return files;
  }

  /** Signs a certificate anew that ends then. */
  async end(name: string, until: number): Promise<void> {
    const { paths, authority } = this;
    const [file, keyFile] = name === self.id
      ? [paths.hostCertificate, paths.hostKey]
      : [paths.voterCertificate, paths.voterKey];
    const { request } = await createRequest(name, await Deno.readTextFile(keyFile));
    const publicKey = (await requestedKey(request))!;
    const subject = { publicKey, commonName: name, names: [self.address], until };
    await Deno.writeTextFile(file, await certify(authority, subject));
  }

  async serials(): Promise<string[]> {
    const { hostCertificate, voterCertificate, peerCertificate } = this.paths;
    const texts = await Promise.all(
      [hostCertificate, voterCertificate, peerCertificate].map((file) => Deno.readTextFile(file)),
    );
    return texts.map((text) => readCertificate(text).serial);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.paths.directory.replace(/\/cluster$/, ""), { recursive: true });
  }
}

Deno.test("a voter signs its certificate when that is due, and its host's when its time is over", async () => {
  await using files = await Files.create();
  const { paths, authority } = files;
  const first = await files.serials();
  assert.deepEqual(await certifySelf(paths, self), []);
  assert.deepEqual(await files.serials(), first);
  // Due, and good for an hour: the host's is asked for as long as it is good.
  await files.end(voterUser(self.id), Date.now() + 3_600_000);
  await files.end(self.id, Date.now() + 3_600_000);
  assert.deepEqual(await certifySelf(paths, self), ["two thirds of its time are over"]);
  const voter = await Deno.readTextFile(paths.voterCertificate);
  assert.ok(readCertificate(voter).until > Date.now() + 300 * DAY_MS);
  assert.equal(readCertificate(voter).commonName, voterUser(self.id));
  assert.ok(isGoodFor(voter, self.address) && isSignedBy(voter, authority.certificate));
  assert.ok(voter.length > 0 && (await files.serials())[0] !== first[0]);
  // Over.
  await files.end(voterUser(self.id), Date.now() - 1_000);
  await files.end(self.id, Date.now() - 1_000);
  assert.equal((await certifySelf(paths, self)).length, 2);
  const host = readCertificate(await Deno.readTextFile(paths.hostCertificate));
  assert.equal(host.commonName, self.id);
  assert.ok(host.until > Date.now() + 300 * DAY_MS);
  // Another address of the host: its etcd is there before anybody can be asked.
  assert.equal((await certifySelf(paths, { ...self, address: "fd00::1" })).length, 3);
  const peer = await Deno.readTextFile(paths.peerCertificate);
  assert.ok(isGoodFor(peer, "fd00::1") && new X509Certificate(peer).checkHost(VOTER_NAME));
  assert.ok(isSignedBy(peer, await Deno.readTextFile(paths.peerCa)));
  assert.ok(!isSignedBy(peer, authority.certificate), "the authority of hosts has no say in it");
});

Deno.test("by another authority a voter's certificate is signed anew, but not while its files are of two", async () => {
  await using files = await Files.create();
  const { paths } = files;
  const next = await Authority.create("c".repeat(64), Date.now());
  const before = await files.serials();
  await Deno.writeTextFile(paths.ca, next.certificate);
  assert.deepEqual(await certifySelf(paths, self), []);
  assert.deepEqual(await files.serials(), before);
  await Deno.writeTextFile(paths.caKey, next.key);
  assert.deepEqual(await certifySelf(paths, self), ["it is of the authority of before"]);
  const voter = await Deno.readTextFile(paths.voterCertificate);
  assert.ok(isSignedBy(voter, next.certificate) && isGoodFor(voter, self.address));
  assert.match(new X509Certificate(voter).subjectAltName!, new RegExp(VOTER_NAME));
});

Deno.test("what a voter signed for itself is known to the cluster, and its connections take it up", async () => {
  await using files = await Files.create();
  const { id } = self;
  let value = memberHosts.put({
    ...{ id, name: "one", address: self.address, key: "k", token: "t" },
    ...{ issued: [{ serial: "1", until: Date.now() + DAY_MS }], until: 1, joined: 1 },
  }, id).value;
  const other = "b".repeat(64);
  const taken = memberHosts.put({
    ...{ id: other, name: "two", address: "10.0.0.2", key: "k", token: "t" },
    ...{ issued: [], until: 1, joined: 1 },
  }, other).value;
  const commits: Transaction[] = [];
  const store = {
    get: (key: string): Promise<Entry> => Promise.resolve({ key, value, revision: "7" }),
    list: () => Promise.resolve([{ key: memberHosts.key(other), value: taken, revision: "7" }]),
    commit: (transaction: Transaction) => {
      commits.push(transaction);
      value = transaction.puts![0]!.value;
      return Promise.resolve({ ok: true as const, revision: "8" });
    },
  };
  let changes = 0;
  let address = self.address;
  await using own = new OwnCertificates({
    paths: files.paths,
    id,
    address: () => address,
    store,
    onChange: () => Promise.resolve(void changes++),
  });
  const known = () => memberHosts.read({ key: "", value, revision: "" })!;
  await own.look();
  assert.deepEqual(
    new Set(known().issued.map(({ serial }) => serial)),
    new Set(["1", ...await files.serials()]),
  );
  assert.deepEqual(commits[0]!.checks, [{ key: memberHosts.key(id), revision: "7" }]);
  await own.look();
  assert.deepEqual([commits.length, changes], [1, 0]);
  await files.end(voterUser(id), Date.now() + 3_600_000);
  await own.look();
  assert.deepEqual([commits.length, changes], [2, 1]);
  assert.equal(known().issued.at(-1)!.serial, (await files.serials())[1]);
  // At another address it is known there, unless that is another host's.
  for (const [now, expected] of [["10.0.0.2", self.address], ["fd00::1", "fd00::1"]] as const) {
    address = now;
    await own.look();
    assert.equal(known().address, expected);
    assert.ok(isGoodFor(await Deno.readTextFile(files.paths.hostCertificate), now));
  }
});

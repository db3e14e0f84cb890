import assert from "node:assert/strict";
import fc from "fast-check";
import { startEtcd } from "../../tests/harness/etcd.ts";
import { VERSIONS } from "../../tests/harness/versions.ts";
import { openStore } from "../open.ts";
import type { Entry } from "../store.ts";
import { byBytes, committed, put } from "../testing/case.ts";
import { advanced, type Listed, Lists } from "./lists.ts";

const entry = (key: string, revision: number): Entry => ({
  ...{ key, value: `${key} ${revision}`, revision: `${revision}`.padStart(20, "0") },
});
const byKey = (all: Iterable<Entry>) => [...all].sort((a, b) => byBytes(a.key, b.key));

/** A store's present, with what was asked of it. */
class Present {
  readonly now = new Map<string, Entry>();
  readonly asked: string[] = [];
  revision = 1;
  cluster = "c";
  stream: { ended: boolean } | undefined = { ended: false };
  /** Runs before an answer. */
  before = () => {};

  put(...keys: string[]): void {
    this.revision++;
    for (const key of keys) this.now.set(key, entry(key, this.revision));
  }

  delete(...keys: string[]): void {
    this.revision++;
    for (const key of keys) this.now.delete(key);
  }

  read(prefix: string, since?: string): Promise<Listed> {
    this.before();
    this.asked.push(since === undefined ? "all" : "changes");
    const all = byKey(this.now.values()).filter(({ key }) => key.startsWith(prefix));
    return Promise.resolve({
      entries: since === undefined ? all : all.filter(({ revision }) => revision > since),
      ...{ revision: `${this.revision}`.padStart(20, "0"), count: all.length },
      cluster: this.cluster,
    });
  }

  lists(): Lists {
    return new Lists({
      read: (prefix, since) => this.read(prefix, since),
      stream: () => this.stream,
    });
  }
}

Deno.test("changes put over a list give what there is, or nothing where keys were deleted", () => {
  const key = fc.constantFrom("a", "ab", "b", "é", "\u{ffff}", "😀", "z");
  const step = fc.record({ puts: fc.uniqueArray(key), deletes: fc.uniqueArray(key) });
  fc.assert(fc.property(fc.array(step), fc.array(step), (first, then) => {
    const present = new Present();
    const apply = (steps: typeof first) =>
      steps.forEach(({ puts, deletes }) => {
        present.put(...puts);
        present.delete(...deletes);
      });
    apply(first);
    const [last, since] = [byKey(present.now.values()), present.revision];
    apply(then);
    const all = byKey(present.now.values());
    const entries = all.filter(({ revision }) => Number(revision) > since);
    const listed = advanced(last, { entries, count: all.length });
    const lost = last.some(({ key }) => !present.now.has(key));
    assert.deepEqual(listed, lost ? undefined : all);
  }));
});

Deno.test("a list asks for the changes, and for all where keys were deleted or the history may be another", async () => {
  const present = new Present();
  const [lists, owner] = [present.lists(), {}];
  const cases: [what: string, happens: () => void, asked: string[]][] = [
    ["first", () => present.put("p/a", "p/b"), ["all"]],
    ["nothing", () => {}, ["changes"]],
    ["changed", () => present.put("p/b", "p/c"), ["changes"]],
    ["deleted", () => present.delete("p/a"), ["changes", "all"]],
    ["then", () => present.put("p/d"), ["changes"]],
    ["another stream", () => present.stream = { ended: false }, ["all"]],
    ["no stream", () => present.stream = undefined, ["all"]],
    ["again none", () => {}, ["all"]],
    ["a new one", () => present.stream = { ended: false }, ["all"]],
    ["kept again", () => {}, ["changes"]],
    ["an earlier revision", () => present.revision -= 2, ["changes", "all"]],
    ["another cluster", () => present.cluster = "d", ["changes", "all"]],
    ["then", () => {}, ["changes"]],
  ];
  for (const [what, happens, asked] of cases) {
    happens();
    assert.deepEqual(await lists.list("p/", owner), byKey(present.now.values()), what);
    assert.deepEqual(present.asked.splice(0), asked, what);
  }
  await lists.list("p/", {});
  await lists.list("", owner);
  assert.deepEqual(present.asked, ["all", "all"], "another owner, another prefix");
});

Deno.test("a stream that ends while a list is read shows nothing of what was kept", async () => {
  const present = new Present();
  const [lists, owner] = [present.lists(), {}];
  present.put("p/a");
  await lists.list("p/", owner);
  const { stream } = present;
  present.before = () => stream!.ended = true;
  await lists.list("p/", owner);
  await lists.list("p/", owner);
  assert.deepEqual(present.asked, ["all", "changes", "all", "all"]);
});

for (const version of VERSIONS.etcd) {
  Deno.test(`etcd ${version} counts the keys that it leaves out, too`, async () => {
    await using server = await startEtcd({ version });
    await using store = await openStore(server.url, { stateDir: "/nonexistent" });
    for (const key of ["p/a", "p/b", "p/c"]) await put(store, key, "1");
    const revision = await put(store, "p/b", "2");
    committed(await store.commit({ deletes: ["p/c"] }));
    const prefix = `${
      new URL(server.url.replace(/^\w+:/, "http:")).pathname.slice(1) || "netsvc"
    }/`;
    const response = await fetch(`http://${server.endpoint}/v3/kv/range`, {
      method: "POST",
      body: JSON.stringify({
        key: btoa(`${prefix}p/`),
        range_end: btoa(`${prefix}p0`),
        min_mod_revision: `${BigInt(revision)}`,
      }),
    });
    const { kvs, count } = await response.json();
    assert.deepEqual(
      { keys: kvs.map(({ key }: { key: string }) => atob(key)), count },
      { keys: [`${prefix}p/b`], count: "2" },
    );
  });
}

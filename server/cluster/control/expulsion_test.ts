import { NetsvcError } from "../../../lib/api/errors.ts";
import assert from "node:assert/strict";
import type { Member } from "../../../kv/etcd/admin/members.ts";
import { openLocalStore } from "../../../kv/local/local_store.ts";
import type { Store } from "../../../kv/store.ts";
import { memberHosts } from "./records.ts";
import { ScopedStore } from "./scoped_store.ts";
import { Tokens } from "./tokens.ts";
import { Expulsion, type SeenMember, whyNotExpel } from "./expulsion.ts";

const id = (n: number) => String(n).repeat(64);
const names = new Map([1, 2, 3, 4].map((n) => [id(n), `host-${n}`]));
const target = (n: number) => ({ id: id(n), name: `host-${n}` });
const voter = (n: number, more: Partial<SeenMember> = {}): SeenMember => ({
  member: `${n}`,
  host: id(n),
  learner: false,
  well: true,
  ...more,
});

Deno.test("nobody puts out the only voter, a client no voter, and nobody what a majority needs", () => {
  const ask = (n: number, members: SeenMember[], by?: number) =>
    whyNotExpel({
      target: target(n),
      members,
      names,
      by: by === undefined ? undefined : id(by),
    });
  const three = [voter(1), voter(2), voter(3)];
  assert.match(ask(1, [voter(1)], 4)!, /host-1: it is the cluster's only voter.*until there are 3/);
  assert.match(ask(1, [voter(1), voter(2, { learner: true })])!, /only voter/);
  assert.match(
    ask(1, three, 4)!,
    /only voters remove one; say "netsvc host rm host-1" on host host-2/,
  );
  assert.match(
    ask(1, [voter(1), voter(2, { well: false }), voter(3)])!,
    /of the other 2 only 1 answers.*cluster recover/,
  );
  assert.equal(ask(1, three), undefined);
  assert.equal(ask(1, three, 2), undefined, "a voter asks another");
  assert.equal(ask(1, three, 1), undefined, "it leaves");
  assert.equal(ask(4, three, 1), undefined, "a client");
  assert.equal(ask(4, three, 5), undefined, "a client, carried for an administrator");
  assert.equal(ask(2, [voter(1), voter(2, { well: false })]), undefined);
  assert.equal(ask(2, [voter(1), voter(2, { learner: true, well: false })], 4), undefined);
});

/** What etcd does, written down in the order in which it was asked for. */
class World {
  readonly store: Store;
  readonly done: string[] = [];
  members: Member[] = [];
  /** Dies at this call. */
  dies: string | undefined;

  constructor(store: Store) {
    this.store = store;
  }

  /** Which step's connection breaks once. */
  breaks: string | undefined;

  #did(what: string): Promise<void> {
    if (what === this.breaks) {
      this.breaks = undefined;
      return Promise.reject(new NetsvcError("timeout", "Received RST_STREAM"));
    }
    if (what === this.dies) return Promise.reject(new Error("killed"));
    this.done.push(what);
    return Promise.resolve();
  }

  get expulsion(): Expulsion {
    const did = (what: string) => this.#did(what);
    return new Expulsion({
      store: this.store,
      self: id(1),
      users: {
        add: (user) => did(`add ${user}`),
        addRole: (role) => did(`add role ${role}`),
        grant: (user) => did(`grant ${user}`),
        enable: () => did("enable"),
        delete: (user) => did(`delete ${user.slice(0, 8)}`),
        deleteRole: (role) => did(`delete role ${role.slice(0, 8)}`),
      },
      members: {
        list: () => Promise.resolve(this.members),
        status: (at) =>
          at.host === "10.0.0.9"
            ? Promise.reject(new Error("away"))
            : Promise.resolve({ leader: "1" } as never),
        remove: async (member) => {
          await did(`remove ${member}`);
          this.members = this.members.filter((one) => one.id !== member);
        },
      },
    });
  }

  get tokens(): Tokens {
    return new Tokens(new ScopedStore(this.store, "secret/"));
  }

  async host(n: number, token = "t".repeat(16)): Promise<void> {
    const record = {
      ...target(n),
      address: `10.0.0.${n}`,
      issued: [{ serial: `a${n}`, until: 1 }],
      key: "k",
      until: 1,
      joined: 1,
      token,
    };
    const all = new ScopedStore(this.store, "public/");
    await all.commit({ puts: [memberHosts.put(record, id(n))] });
  }

  vote(n: number): void {
    this.members.push({
      id: `${n}`,
      name: id(n),
      peerUrls: [`https://10.0.0.${n}:2480`],
      clientUrls: [`https://10.0.0.${n}:2479`],
      learner: false,
    });
  }

  async keys(): Promise<string[]> {
    return (await this.store.list("")).map(({ key }) => key.replace(/(\d)\1{63}/, "$1"));
  }
}

async function withWorld(test: (world: World) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const store = await openLocalStore(directory);
  try {
    await test(new World(store));
  } finally {
    await store[Symbol.asyncDispose]();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("what is refused has changed nothing: the only voter, what is no host's", () =>
  withWorld(async (world) => {
    for (const n of [1, 2]) await world.host(n);
    world.vote(1);
    const before = await world.keys();
    await assert.rejects(world.expulsion.expel(id(1), id(2)), {
      code: "in_use",
      message: /only voter/,
    });
    assert.deepEqual(await world.expulsion.expel("root"), { expelled: false, tokens: [] });
    assert.deepEqual(await world.expulsion.expel(id(7)), { expelled: false, tokens: [] });
    assert.deepEqual(world.done, []);
    assert.deepEqual(await world.keys(), before);
  }));

Deno.test("a voter goes out by its member first, its users last, and once more after a crash at any step", () =>
  withWorld(async (world) => {
    for (const n of [1, 2, 3]) {
      await world.host(n);
      world.vote(n);
    }
    const order = ["remove 2", "delete voter-22", "delete 22222222", "delete role host-222"];
    for (const dies of order) {
      world.dies = dies;
      await assert.rejects(world.expulsion.expel(id(2)), /killed/);
      assert.ok(
        (await world.keys()).includes("public/hosts/2"),
        `it can be put out again: ${dies}`,
      );
    }
    world.dies = undefined;
    assert.equal((await world.expulsion.expel(id(2))).expelled, true);
    assert.deepEqual([...new Set(world.done)], order);
    assert.deepEqual(await world.keys(), ["public/hosts/1", "public/hosts/3", "public/revoked/a2"]);
  }));

Deno.test("where a connection breaks on the way, the host is out all the same", () =>
  withWorld(async (world) => {
    const order = ["remove 2", "delete voter-22", "delete 22222222", "delete role host-222"];
    for (const breaks of order) {
      world.done.length = 0;
      world.members = [];
      for (const n of [1, 2, 3]) {
        await world.host(n);
        world.vote(n);
      }
      world.breaks = breaks;
      assert.equal((await world.expulsion.expel(id(2))).expelled, true, breaks);
      assert.equal(world.breaks, undefined);
      assert.deepEqual([...new Set(world.done)].toSorted(), order.toSorted());
      assert.ok(!(await world.keys()).includes("public/hosts/2"));
      // Saying it once more does no harm.
      assert.equal((await world.expulsion.expel(id(2))).expelled, false);
    }
  }));

Deno.test("with a host go the tokens that it made, and the one that it came with", () =>
  withWorld(async (world) => {
    const terms = { ttl: 3_600_000, uses: 50 };
    const came = (await world.tokens.create(terms)).record.id;
    const made = [];
    for (let n = 0; n < 40; n++) {
      made.push((await world.tokens.create({ ...terms, by: id(2) })).record.id);
    }
    const other = (await world.tokens.create({ ...terms, by: id(1) })).record.id;
    await world.host(1);
    await world.host(2, came);
    const { tokens } = await world.expulsion.expel(id(2), id(1));
    assert.deepEqual(tokens.toSorted(), [came, ...made].toSorted());
    assert.deepEqual((await world.tokens.list()).map((token) => token.id), [other]);
  }));

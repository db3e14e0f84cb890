/**
 * Conformance: what a store does while its servers or the way to them fail, and after.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Lease, Store } from "../store.ts";
import { committed, pairs, put, until, Viewer, withDeadline } from "./case.ts";

/** A server, and a proxy before it. Disposing of it closes the stores and removes the data. */
export interface Faulty extends AsyncDisposable {
  /** A client through the proxy. */
  connect(): Promise<Store>;
  /** A client past the proxy. */
  direct(): Promise<Store>;
  proxy: {
    cut(): void;
    refuse(): void;
    delay(ms: number): void;
    stall(): void;
    abandon(): void;
    halfClose(): Promise<void>;
    heal(): void;
    accepted: number;
  };
  server: {
    start(): Promise<void>;
    stop(signal: Deno.Signal): Promise<void>;
    freeze(): Promise<void>;
    thaw(): void;
  };
  /** Shortest time to live of a lease that the store grants, in milliseconds. */
  ttl: number;
  /** Longest time, in milliseconds, from a loss to the end of the lease's keys. */
  vanishes: number;
}

/** Cases by title. */
export type FaultCases = Record<string, (subject: Faulty) => Promise<void>>;

/** Longest time that a call of an unreachable store may take, in milliseconds, with some room. */
const FAST_MS = 4500;
/** Within which a connection that died in silence is noticed, in milliseconds, with some room. */
const NOTICED_MS = 20_000;

async function failsFast(store: Store): Promise<void> {
  const calls: Record<string, () => Promise<unknown>> = {
    get: () => store.get("f/k"),
    list: () => store.list("f/"),
    commit: () => put(store, "f/k", "no"),
    lease: () => store.lease(30_000),
  };
  for (const [name, call] of Object.entries(calls)) {
    const failing = assert.rejects(call(), (error: Error & { code?: string }) => {
      assert.ok(["unavailable", "timeout"].includes(error.code ?? ""), `${name}: ${error}`);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    await withDeadline(failing, FAST_MS, name);
  }
}

async function works(store: Store): Promise<void> {
  await until(() => put(store, "f/works", "1").then(() => true, () => false), "it works again");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Writes through `writer` while `disturb` goes on, and sees that a watch ends up right. */
async function watchThrough(
  subject: Faulty,
  disturb: (round: number) => Promise<void>,
): Promise<void> {
  const store = await subject.connect();
  const writer = await subject.direct();
  await using viewer = new Viewer(store, "f/");
  await viewer.next();
  for (let round = 0; round < 5; round++) {
    const puts = [0, 1, 2].map((i) => ({ key: `f/${round}/${i}`, value: `${round}` }));
    committed(await writer.commit({ puts, deletes: [`f/${round - 1}/0`] }));
    await disturb(round);
    const revision = await put(writer, "f/round", `${round}`);
    await viewer.until((view) => view.get("f/round")?.revision === revision);
    const now = pairs(await writer.list("f/"));
    assert.deepEqual(pairs(viewer.view.values()).sort(), now.sort());
  }
}

/** Cases with failures. */
export const faults: FaultCases = {
  "calls fail fast while connections are refused, and work as soon as they are not": async (
    { connect, proxy },
  ) => {
    const store = await connect();
    await put(store, "f/k", "1");
    proxy.refuse();
    await failsFast(store);
    proxy.heal();
    const healed = performance.now();
    await works(store);
    assert.ok(performance.now() - healed < 3000, "it works soon");
    assert.equal((await store.get("f/k"))?.value, "1");
  },

  "a store opened while the server is down works when it is there": async (
    { connect, server },
  ) => {
    await server.stop("SIGTERM");
    const store = await withDeadline(connect(), FAST_MS, "open");
    await failsFast(store);
    await using viewer = new Viewer(store, "f/");
    const first = viewer.next();
    await server.start();
    assert.equal((await first).type, "snapshot");
    await works(store);
    await viewer.until((view) => view.has("f/works"));
  },

  "calls fail fast while the server is frozen or the way to it silent": async (
    { connect, server, proxy },
  ) => {
    const store = await connect();
    await put(store, "f/k", "1");
    await server.freeze();
    await failsFast(store);
    server.thaw();
    await works(store);
    proxy.stall();
    await failsFast(store);
    proxy.heal();
    await works(store);
  },

  "watch() goes on when connections are cut": (subject) =>
    watchThrough(subject, async (round) => {
      await sleep(round * 30);
      subject.proxy.cut();
    }),

  "watch() goes on when the server closes its half of the connections": (subject) =>
    watchThrough(subject, () => subject.proxy.halfClose()),

  "watch() is right over a slow network": async (subject) => {
    subject.proxy.delay(150);
    await watchThrough(subject, () => Promise.resolve());
  },

  "watch() goes on after a time without the server": (subject) =>
    watchThrough(subject, async (round) => {
      if (round > 1) return;
      subject.proxy.refuse();
      await sleep(1500);
      subject.proxy.heal();
    }),

  "watch() that has nothing to say stays where it is": async ({ connect, proxy }) => {
    const store = await connect();
    await using viewer = new Viewer(store, "f/");
    await viewer.next();
    await put(store, "f/k", "1");
    await viewer.next();
    // What the put has brought about may still open a connection, later on a machine under load.
    let before = -1;
    for (let looks = 0; looks < 10 && before !== proxy.accepted; looks++) {
      before = proxy.accepted;
      await sleep(2000);
    }
    await sleep(15_000);
    await put(store, "f/k", "2");
    const event = await viewer.next();
    assert.equal(event.type, "changes");
    assert.equal(proxy.accepted, before, "connections are kept");
  },

  "watch() notices that its connection died in silence": async ({ connect, direct, proxy }) => {
    const store = await connect();
    const writer = await direct();
    await using viewer = new Viewer(store, "f/");
    await viewer.next();
    const before = await put(writer, "f/k", "1");
    await viewer.until((view) => view.get("f/k")?.revision === before);
    proxy.abandon();
    const after = await put(writer, "f/k", "2");
    const noticed = viewer.until((view) => view.get("f/k")?.revision === after);
    await withDeadline(noticed, NOTICED_MS, "a dead connection is noticed");
    await works(store);
  },

  "entries, revisions and watches survive a restart of the server": async (
    { connect, server },
  ) => {
    const store = await connect();
    await put(store, "f/a", "1");
    const last = await put(store, "f/b", "2");
    const before = await store.list("f/");
    await using viewer = new Viewer(store, "f/");
    await viewer.next();
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await server.stop(signal);
      await assert.rejects(store.get("f/a"));
      await server.start();
      await until(() => store.get("f/a").then(() => true, () => false), "it is there again");
      assert.deepEqual(await store.list("f/"), before);
    }
    const revision = await put(store, "f/c", "3");
    assert.ok(revision > last);
    await viewer.until((view) => view.get("f/c")?.revision === revision);
    assert.equal(viewer.view.size, 3);
  },

  "many watches wait for the server without spinning": async ({ connect, proxy, server }) => {
    const store = await connect();
    await using stack = new AsyncDisposableStack();
    const viewers = Array.from(
      { length: 30 },
      (_, i) => stack.use(new Viewer(store, `f/${i}/`)),
    );
    await Promise.all(viewers.map((viewer) => viewer.next()));
    const seen = viewers.map((viewer, i) => viewer.until((view) => view.has(`f/${i}/k`)));
    const all = Promise.all(seen);
    all.catch(() => {}); // Of a case that failed before.
    await server.stop("SIGKILL");
    const before = proxy.accepted;
    await sleep(5000);
    const attempts = proxy.accepted - before;
    assert.ok(attempts > 0, "it tries again");
    assert.ok(attempts < 300, `${attempts} connections in 5 s`);
    await server.start();
    await works(store);
    for (const i of viewers.keys()) await put(store, `f/${i}/k`, "1");
    await all;
  },

  "a lease is lost to its holder when the store is away for longer": async (subject) => {
    const { proxy, ttl, vanishes } = subject;
    const store = await subject.connect();
    const other = await subject.direct();
    const lease = await store.lease(ttl);
    const puts = ["f/a", "f/b"].map((key) => ({ key, value: "1", lease }));
    committed(await store.commit({ puts }));
    await using viewer = new Viewer(other, "f/");
    await viewer.next();
    proxy.refuse();
    const start = performance.now();
    const error = await withDeadline(lease.lost, ttl + 3000, "loss");
    assert.match(error.message, /^[A-Z].*[^.]$/);
    assert.ok(performance.now() - start > ttl / 3, "not at the first failure");
    assert.equal((await other.list("f/")).length, 2, "the holder knows before the store does");
    const end = viewer.until((view) => view.size === 0);
    await withDeadline(end, vanishes, "the keys vanish");
    assert.deepEqual(await other.list("f/"), []);
    assert.deepEqual(viewer.deleted.toSorted(), ["f/a", "f/b"]);
    proxy.heal();
    await works(store);
    await assert.rejects(store.commit({ puts }), { code: "conflict" });
    assert.equal(await other.get("f/a"), undefined);
  },

  "a lease outlives a short outage": async ({ connect, direct, proxy, ttl }) => {
    const store = await connect();
    const other = await direct();
    const lease = await store.lease(ttl);
    let lost: Error | undefined;
    lease.lost.then((error) => lost = error);
    committed(await store.commit({ puts: [{ key: "f/k", value: "1", lease }] }));
    for (let i = 0; i < 4; i++) {
      proxy.refuse();
      await sleep(ttl / 4);
      proxy.heal();
      await sleep(ttl / 2);
      proxy.cut();
    }
    assert.equal(lost, undefined);
    assert.equal((await other.get("f/k"))?.value, "1");
    await lease.revoke();
    assert.equal(await other.get("f/k"), undefined);
  },

  "a holder that stood still knows that its lease is lost": async ({ connect, proxy, ttl }) => {
    const store = await connect();
    const lease: Lease = await store.lease(ttl);
    proxy.stall();
    await withDeadline(lease.lost, ttl + 3000, "loss");
    proxy.heal();
    await works(store);
    const puts = [{ key: "f/k", value: "1", lease }];
    await assert.rejects(store.commit({ puts }), { code: "conflict" });
    const next = await store.lease(ttl);
    committed(await store.commit({ puts: [{ key: "f/k", value: "2", lease: next }] }));
    await next.revoke();
  },

  "a counter loses no update while connections are cut": async ({ connect, direct, proxy }) => {
    const stores = [await connect(), await connect(), await connect()];
    const calm = await direct();
    await put(calm, "f/counter", "0");
    let sure = 0;
    let unsure = 0;
    let done = false;
    const increment = async (store: Store) => {
      const entry = await store.get("f/counter").catch(() => undefined);
      if (!entry) return await sleep(20);
      const result = await store.commit({
        checks: [{ key: "f/counter", revision: entry.revision }],
        puts: [{ key: "f/counter", value: `${Number(entry.value) + 1}` }],
      }).catch((error) => {
        // `unavailable` means not done; the outcome of a `timeout` is unknown.
        if (error.code === "timeout") unsure++;
        else assert.equal(error.code, "unavailable", String(error));
      });
      if (result?.ok) sure++;
    };
    const worker = async (store: Store) => {
      while (!done) await increment(store);
    };
    const working = Promise.all(stores.map(worker));
    // At least 25 cuts, and on a slow machine as many as it takes to count that far.
    for (let i = 0; i < 25 || sure <= 25; i++) {
      await sleep(40 + 60 * Math.random());
      proxy.cut();
    }
    done = true;
    await working;
    const total = Number((await calm.get("f/counter"))!.value);
    assert.ok(sure > 25, `${sure} increments`);
    assert.ok(total >= sure && total <= sure + unsure, `${total}: ${sure} sure, ${unsure} unsure`);
  },
};

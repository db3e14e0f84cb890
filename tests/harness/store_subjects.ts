/**
 * Real servers as subjects of the conformance suite of stores.
 *
 * @module
 */
import assert from "node:assert/strict";
import { committed, put, Viewer } from "../../kv/testing/case.ts";
import type { Conforming, Faulty, Members } from "../../kv/testing/conformance.ts";
import { openStore } from "../../kv/open.ts";
import type { Store } from "../../kv/store.ts";
import { Ensemble } from "./ensemble.ts";
import { Proxy } from "./proxy.ts";
import type { ServerOptions, TestServer } from "./server.ts";
import { type Versioned, VERSIONS } from "./versions.ts";

/** Opens stores, and closes all of them. */
class Opened implements AsyncDisposable {
  readonly #stores: Store[] = [];
  readonly settle: number;

  /** @param settle time that what a store leaves behind takes to end, in milliseconds */
  constructor(settle = 0) {
    this.settle = settle;
  }

  async open(url: string): Promise<Store> {
    const store = await openStore(url, { stateDir: "/nonexistent" });
    this.#stores.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stores.map((store) => store[Symbol.asyncDispose]()));
    // gRPC's timers of a connection that failed run out.
    await new Promise((resolve) => setTimeout(resolve, this.settle));
  }
}

/** A server as the subject of `storeConformance()`. */
export async function conforming(
  start: () => Promise<Pick<TestServer, "url"> & AsyncDisposable>,
): Promise<Conforming> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await start());
  const opened = stack.use(new Opened());
  const store = await opened.open(server.url);
  const all = stack.move();
  const subject: Conforming = {
    store,
    peer: () => opened.open(server.url),
    reopen: async () => {
      await subject.store[Symbol.asyncDispose]();
      subject.store = await opened.open(server.url);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return subject;
}

/** A server behind a proxy as the subject of `storeFaults()`. */
export async function faulty(
  start: () => Promise<TestServer>,
  times: Pick<Faulty, "ttl" | "vanishes">,
): Promise<Faulty> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await start());
  const proxy = stack.use(new Proxy(server));
  const opened = stack.use(new Opened(1500));
  stack.defer(() => proxy.heal());
  const all = stack.move();
  return {
    ...times,
    server,
    proxy,
    connect: () => opened.open(server.url.replace(server.endpoint, proxy.endpoint)),
    direct: () => opened.open(server.url),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Lets a watch miss more transactions than a store's log keeps, and sees that it ends up right. */
export async function leftBehind(server: TestServer): Promise<void> {
  await using proxy = new Proxy(server);
  await using opened = new Opened();
  const store = await opened.open(server.url.replace(server.endpoint, proxy.endpoint));
  const writer = await opened.open(server.url);
  await put(store, "k/0", "1");
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  proxy.refuse();
  for (let i = 0; i < 1500; i += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => put(writer, `k/${(i + n) % 50}`, "2")));
  }
  committed(await writer.commit({ deletes: ["k/0"] }));
  proxy.heal();
  await viewer.until((view) => view.size === 49);
  assert.equal(viewer.events.at(-1)!.type, "snapshot");
}

/** One server for all tests of a file. */
export class SharedServer {
  #server: TestServer | undefined;
  #prefixes = 0;

  /** Registers its start before all tests, and its end. */
  constructor(start: () => Promise<TestServer>) {
    Deno.test.beforeAll(async () => {
      this.#server = await start();
    });
    Deno.test.afterAll(() => this.#server![Symbol.asyncDispose]());
  }

  /** A URL with a prefix that no other has. */
  get url(): string {
    const { url, endpoint } = this.#server!;
    return url.replace(endpoint, `${endpoint}/prefix/${++this.#prefixes}`);
  }

  /** A prefix of its own as the subject of `storeConformance()`. */
  conforming(): Promise<Conforming> {
    return conforming(() =>
      Promise.resolve({ url: this.url, [Symbol.asyncDispose]: () => Promise.resolve() })
    );
  }
}

type Start = (options: ServerOptions) => Promise<TestServer>;

/** All versions of a store as subjects of `storeConformance()`, a server for each. */
export function conformingVersions(
  store: Versioned,
  start: Start,
): { name: string; conforming: () => Promise<Conforming> }[] {
  return VERSIONS[store].map((version) => {
    const shared = new SharedServer(() => start({ version }));
    return { name: `${store} ${version}`, conforming: () => shared.conforming() };
  });
}

/** All versions of a store as subjects of `storeFaults()`. */
export function faultyVersions(
  store: Versioned,
  start: Start,
  times: Pick<Faulty, "ttl" | "vanishes">,
): Record<string, () => Promise<Faulty>> {
  return Object.fromEntries(
    VERSIONS[store].map((version) => [version, () => faulty(() => start({ version }), times)]),
  );
}

/** Three members of the newest version as the subject of `storeEnsembles()`. */
export async function threeMembers(
  store: Versioned,
  times: Pick<Members, "election">,
): Promise<Members> {
  await using stack = new AsyncDisposableStack();
  const ensemble = stack.use(await Ensemble.start(store));
  const opened = stack.use(new Opened(3000));
  const all = stack.move();
  return {
    ...times,
    members: ensemble.members,
    leader: () => ensemble.leader(),
    replace: (index) => ensemble.replace(index),
    connect: () => opened.open(ensemble.url),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** etcd's logins: what happens to watches and calls when a token is void. With each version. */
import assert from "node:assert/strict";
import { ok } from "../../tests/harness/command.ts";
import { etcdctl, startEtcd } from "../../tests/harness/etcd.ts";
import type { TestServer } from "../../tests/harness/server.ts";
import { SERVERS, VERSIONS } from "../../tests/harness/versions.ts";
import { put, Viewer, withDeadline } from "../testing/case.ts";
import { openStore } from "../open.ts";

/** Longest time from the end of a token until all goes on, in milliseconds. */
const SOON_MS = 5000;

const asRoot = (server: TestServer, ...words: string[]) =>
  etcdctl(server, ["--user=root:pw", ...words]);

/** Users, and logins switched on. */
async function withLogins(server: TestServer): Promise<void> {
  for (
    const words of [
      ...["user add root:pw", "user grant-role root root", "role add rw"],
      ...["role grant-permission rw readwrite netsvc/ --prefix=true"],
      ...["user add me:secret", "user grant-role me rw", "auth enable"],
    ]
  ) await etcdctl(server, words.split(" "));
}

/** What makes tokens void; `jwt` does by itself. */
const ENDS: Record<string, (server: TestServer) => Promise<void>> = {
  "logins are switched off and on": async (server) => {
    await asRoot(server, "auth", "disable");
    await etcdctl(server, ["auth", "enable"]);
  },
  "the password is set again": async (server) => {
    const { endpoint } = server;
    const script = `echo secret | "$0" --endpoints=${endpoint} --user=root:pw user passwd me ` +
      "--interactive=false";
    const program = `${SERVERS}/etcd/usr/bin/etcdctl`;
    await ok(["sh", "-c", script, program], { env: { ETCDCTL_API: "3" } });
  },
  "rights are changed": async (server) => {
    const role = `role-${crypto.randomUUID()}`;
    await asRoot(server, "role", "add", role);
    await asRoot(server, "user", "grant-role", "me", role);
  },
  "the server is restarted": async (server) => {
    await server.stop("SIGKILL");
    await server.start();
  },
};

/** Old and new watches, reads, writes and leases go on with a login that was over. */
async function goesOn(server: TestServer, end: () => Promise<void>): Promise<void> {
  const options = { stateDir: "/nonexistent" };
  await using store = await openStore(`etcd://me:secret@${server.endpoint}`, options);
  await using old = new Viewer(store, "old/");
  await old.next();
  const lease = await store.lease(5000);
  let lost: Error | undefined;
  lease.lost.then((error) => lost = error);
  for (let round = 0; round < 2; round++) {
    await end();
    // Watches first: a call would log in again before them.
    await using stack = new AsyncDisposableStack();
    const fresh = [0, 1, 2].map((i) => stack.use(new Viewer(store, `new/${i}/`)));
    const all = Promise.all(fresh.map((viewer) => viewer.next()));
    await withDeadline(all, SOON_MS, "snapshots of new watches");
    const done = Promise.all([0, 1, 2].map((i) => put(store, `new/${i}/k`, `${round}`)));
    await withDeadline(done, SOON_MS, "writes");
    const see = fresh.map((viewer, i) =>
      viewer.until((view) => view.get(`new/${i}/k`)?.value === `${round}`)
    );
    await withDeadline(Promise.all(see), SOON_MS, "new watches");
    await put(store, "old/k", `${round}`);
    const told = old.until((view) => view.get("old/k")?.value === `${round}`);
    await withDeadline(told, SOON_MS, "the old watch");
  }
  assert.equal(lost, undefined);
  await lease.revoke();
}

/** With all versions at once: they mostly wait. */
async function everyVersion(
  authToken: string,
  test: (server: TestServer) => Promise<void>,
): Promise<void> {
  const outcomes = await Promise.allSettled(VERSIONS.etcd.map(async (version) => {
    await using server = await startEtcd({ version, authToken });
    await withLogins(server);
    await test(server).catch((error) => {
      throw new Error(`With etcd ${version}: ${error.stack}`, { cause: error });
    });
  }));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

Deno.test("etcd - watches and calls go on when tokens are void", async () => {
  await everyVersion("simple", async (server) => {
    for (const [title, end] of Object.entries(ENDS)) {
      await goesOn(server, () => end(server)).catch((error) => {
        throw new Error(`${title}: ${error.stack}`, { cause: error });
      });
    }
  });
});

/** Runs `test` with tokens that hold what they say themselves, for so long. */
async function withJwt(
  ttl: string,
  test: (server: TestServer) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    const [key, pub] = [`${directory}/key`, `${directory}/pub`];
    await ok(["openssl", "genrsa", "-out", key, "2048"]);
    await ok(["openssl", "rsa", "-in", key, "-pubout", "-out", pub]);
    const token = `jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=${ttl}`;
    await everyVersion(token, test);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("etcd - watches and calls go on when tokens end by themselves", async () => {
  const end = () => new Promise<void>((resolve) => setTimeout(resolve, 3500));
  await withJwt("3s", (server) => goesOn(server, end));
});

Deno.test("etcd - watches and calls go on when users change while tokens last", async () => {
  await withJwt("10m", async (server) => {
    for (const title of ["rights are changed", "logins are switched off and on"]) {
      await goesOn(server, () => ENDS[title]!(server)).catch((error) => {
        throw new Error(`${title}: ${error.stack}`, { cause: error });
      });
    }
  });
});

Deno.test("etcd - logins that are switched on later are noticed", async () => {
  await using server = await startEtcd();
  const options = { stateDir: "/nonexistent" };
  await using store = await openStore(`etcd://me:secret@${server.endpoint}`, options);
  await using old = new Viewer(store, "old/");
  await old.next();
  await withLogins(server);
  await using fresh = new Viewer(store, "new/");
  await withDeadline(fresh.next(), SOON_MS, "the snapshot of a new watch");
  await withDeadline(put(store, "new/k", "1"), SOON_MS, "a write");
  await fresh.until((view) => view.has("new/k"));
});

Deno.test("etcd - one login serves calls that find out together that theirs is over", async () => {
  await using server = await startEtcd();
  await withLogins(server);
  const options = { stateDir: "/nonexistent" };
  await using store = await openStore(`etcd://me:secret@${server.endpoint}`, options);
  await put(store, "k", "1");
  const logins = async () => {
    const text = await ok(["curl", "-fsS", `http://${server.endpoint}/metrics`]);
    const [, count] = /^grpc_server_handled_total\{.*code="OK".*"Authenticate".* (\d+)$/m.exec(
      text,
    )!;
    return Number(count);
  };
  await ENDS["logins are switched off and on"]!(server);
  const before = await logins();
  await Promise.all(Array.from({ length: 30 }, () => store.get("k")));
  assert.equal(await logins() - before, 1);
});

import assert from "node:assert/strict";
import { Watchers } from "./watchers.ts";

interface Snapshot {
  revision: string;
  of: string;
}

/** A source whose snapshots are taken when the test says so. */
function source() {
  const taken: (() => void)[] = [];
  const watchers = new Watchers<Snapshot, { key: string; revision: string }>({
    snapshot: (prefix, from) =>
      new Promise((resolve) =>
        taken.push(() => {
          from();
          resolve({ revision: "5", of: prefix });
        })
      ),
    select: (event, prefix) => event.key.startsWith(prefix) ? event : undefined,
    covers: (revision, event) => event.revision <= revision,
  });
  return { watchers, take: () => taken.shift()!() };
}

const event = (key: string, revision = "9") => ({ key, revision });

Deno.test("a watch gives a snapshot, then what it selects, and nothing that the snapshot has", async () => {
  const { watchers, take } = source();
  const watch = watchers.watch("a/");
  const first = watch.next();
  take();
  assert.deepEqual((await first).value, { revision: "5", of: "a/" });
  watchers.publish(event("a/old", "4"));
  watchers.publish(event("b/other"));
  watchers.publish(event("a/new"));
  assert.deepEqual((await watch.next()).value, event("a/new"));
  await watch.return(undefined);
});

Deno.test("who falls behind gets a fresh snapshot instead of a queue without end", async () => {
  const { watchers, take } = source();
  const watch = watchers.watch("");
  const first = watch.next();
  take();
  await first;
  for (let i = 0; i <= 4096; i++) watchers.publish(event(`k${i}`));
  const next = watch.next();
  take();
  assert.deepEqual((await next).value, { revision: "5", of: "" });
  await watch.return(undefined);
});

Deno.test("a resync concerns the watches that it names", async () => {
  const { watchers, take } = source();
  const [a, b] = [watchers.watch("a/"), watchers.watch("b/")];
  const both = [a.next(), b.next()];
  take();
  take();
  await Promise.all(both);
  watchers.resync((prefix) => prefix === "a/");
  watchers.publish(event("b/x"));
  assert.deepEqual((await b.next()).value, event("b/x"));
  const again = a.next();
  take();
  assert.equal((await again).value && "of" in (await again).value!, true);
  await Promise.all([a.return(undefined), b.return(undefined)]);
});

Deno.test("a watch ends with its signal and with the store, also while it waits for a snapshot", async () => {
  const { watchers } = source();
  const stop = new AbortController();
  const waiting = watchers.watch("", { signal: stop.signal }).next();
  stop.abort();
  assert.equal((await waiting).done, true);
  const other = watchers.watch("").next();
  watchers.close();
  assert.equal((await other).done, true);
});

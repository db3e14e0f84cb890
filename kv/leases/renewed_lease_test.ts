import assert from "node:assert/strict";
import { HeldLeases } from "./renewed_lease.ts";

/** A lease whose store answers as told. */
function hold(leases: HeldLeases, renew: () => Promise<boolean>, ttl = 300) {
  const revoked: string[] = [];
  const lease = leases.hold({
    id: "1",
    ttl,
    asked: performance.now(),
    renew,
    revoke: () => {
      revoked.push("1");
      return Promise.resolve();
    },
  });
  return { lease, revoked };
}

Deno.test("HeldLeases judges a lease by when the last good renewal was sent", async () => {
  const leases = new HeldLeases();
  let renewals = 0;
  const start = performance.now();
  const { lease } = hold(leases, () => ++renewals <= 2 ? Promise.resolve(true) : Promise.reject());
  const { message } = await lease.lost;
  const after = performance.now() - start;
  assert.match(message, /not renewed within 300 ms/);
  assert.ok(after >= 490, `two renewals, each after 100 ms, and then 300 ms: ${after}`);
  assert.ok(renewals > 3, "it tries again until then");
  assert.throws(() => leases.use(lease), { code: "conflict" });
});

Deno.test("HeldLeases takes no answer that comes too late for one in time", async () => {
  const leases = new HeldLeases();
  const slow = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 400));
  const { lease } = hold(leases, slow);
  await lease.lost;
  assert.throws(() => leases.use(lease), { code: "conflict" });
  await new Promise((resolve) => setTimeout(resolve, 250));
});

Deno.test("HeldLeases loses a lease at once that the store doesn't know", async () => {
  const { lease } = hold(new HeldLeases(), () => Promise.resolve(false), 600_000 / 1000);
  assert.match((await lease.lost).message, /The store ended the lease/);
});

Deno.test("HeldLeases gives up what it holds when it is closed, and that is no loss", async () => {
  const leases = new HeldLeases();
  const { lease, revoked } = hold(leases, () => Promise.resolve(true));
  let lost = false;
  lease.lost.then(() => lost = true);
  leases.use(lease);
  await leases.close();
  await lease.revoke();
  assert.deepEqual(revoked, ["1"]);
  assert.throws(() => leases.use(lease), { code: "conflict" });
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(lost, false);
});

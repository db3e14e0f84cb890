import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { libc } from "../../lib/linux/libc.ts";
import { bootSubject } from "../../tests/harness/boot.ts";
import type { Boot } from "./boot.ts";
import { openHost } from "./open/host.ts";
import { startRounds } from "./rounds.ts";
import { serve } from "./serve.ts";
import { openStores } from "./open/stores.ts";
import { wire } from "./wire.ts";

libc(); // It stays loaded, whichever test comes first.

/** All steps of a start; the machine's calls are told by the subject. */
async function start(boot: Boot) {
  const stores = await openStores(boot);
  const host = await openHost(boot, stores);
  const parts = await wire(boot, { stores, host });
  const rounds = await startRounds(boot, parts);
  const api = await serve(boot, parts);
  rounds.begin();
  return { stores, host, parts, api };
}

/** Asks the API. */
async function get(socket: string, path: string): Promise<unknown> {
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const response = await fetch(`http://localhost/netsvc/v1${path}`, { client });
  assert.equal(response.status, 200);
  return await response.json();
}

Deno.test("nothing is served before the host is right, and nothing is touched before it is claimed", async () => {
  using subject = bootSubject();
  const socket = subject.settings.hosts[0]!.slice("unix://".length);
  subject.on = (call) => {
    assert.ok(!existsSync(socket), `${call} comes before the socket`);
    if (call === "refuseOthers") assert.ok(!existsSync(subject.settings.stateDir));
  };
  {
    await using boot = await subject.boot();
    await start(boot);
    assert.deepEqual(subject.calls, ["refuseOthers", "claim", "reconcile"]);
    const networks = await get(socket, "/networks") as { name: string }[];
    assert.deepEqual(networks.map(({ name }) => name).sort(), ["bridge", "host", "none"]);
    subject.on = (call) => assert.equal(call, "release");
  }
  assert.ok(!existsSync(socket));
  assert.equal(subject.calls.at(-1), "release");
});

Deno.test("a second start goes on with what the first one kept", async () => {
  using subject = bootSubject();
  const ids: string[] = [];
  const suspects: boolean[] = [];
  for (let i = 0; i < 2; i++) {
    await using boot = await subject.boot();
    const { stores, host } = await start(boot);
    ids.push(stores.state.hostId);
    suspects.push(host.suspect);
  }
  assert.match(ids[0]!, /^[0-9a-f]{64}$/);
  assert.equal(ids[1], ids[0]);
  // Nobody knows before the first start whether the machine is a copy.
  assert.deepEqual(suspects, [true, false]);
  const first = ["refuseOthers", "claim", "reconcile", "release"];
  const second = [`claim after ${subject.settings.runDir}`, "reconcile", "release"];
  assert.deepEqual(subject.calls, [...first, ...second]);
});

Deno.test("where a step fails, what was opened is closed, last opened first", async (t) => {
  for (const failing of ["refuseOthers", "claim", "serve"]) {
    await t.step(failing, async () => {
      using subject = bootSubject();
      const own = subject.settings.hosts[0]!;
      subject.on = (call) => {
        if (call === failing) throw new Error("it fails");
      };
      const hosts = failing === "serve" ? [own, "unix:///netsvc-nowhere/api.sock"] : [own];
      await assert.rejects(async () => {
        await using boot = await subject.boot({ hosts });
        await start(boot);
      });
      assert.ok(!existsSync(own.slice("unix://".length)));
      assert.equal(subject.calls.includes("release"), failing === "serve");
      // The store's lock is free again, and all can be opened.
      subject.on = () => {};
      await using boot = await subject.boot();
      await start(boot);
    });
  }
});

Deno.test("a daemon without state makes none where another one has the machine", async () => {
  using subject = bootSubject();
  subject.on = () => {
    throw new Error("in use");
  };
  await using boot = await subject.boot();
  await assert.rejects(openStores(boot), /in use/);
  assert.ok(!existsSync(subject.settings.stateDir));
});

Deno.test("what is begun at a start serves the sandboxes that there were", async () => {
  using subject = bootSubject();
  const socket = subject.settings.hosts[0]!.slice("unix://".length);
  {
    await using boot = await subject.boot();
    const { parts } = await start(boot);
    await parts.controllers.containers.create({ name: "web" });
    assert.equal(parts.host.sandboxes.size, 1);
  }
  await using boot = await subject.boot();
  const { parts } = await start(boot);
  assert.equal(parts.host.sandboxes.size, 1);
  const [web] = await get(socket, "/containers") as { name: string; state: string }[];
  assert.equal(web?.name, "web");
});

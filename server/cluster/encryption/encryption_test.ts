import assert from "node:assert/strict";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { newKeyPair } from "../../../lib/linux/wireguard/keys.ts";
import type { TunnelHost } from "../../../drivers/overlay/tunnel/peers.ts";
import type { TunnelIdentity, TunnelPeer } from "../../../drivers/overlay/tunnel/tunnel.ts";
import { Mirror } from "../../model/mirror.ts";
import { rotationRecord, tunnelRecords } from "../../model/shared/tunnels.ts";
import { Encryption } from "./encryption.ts";
import { HostKeys } from "./host_keys.ts";
import { MAX_AGE_MS, PATIENCE_MS, rotationStep } from "./rotation.ts";

const SELF = "a".repeat(64);
const OTHER = "b".repeat(64);
const THIRD = "c".repeat(64);

/** A host's part, with a tunnel that only notes what it is told. */
async function subject(options: { leaseTtl?: number } = {}) {
  await using stack = new AsyncDisposableStack();
  const cuttable = stack.use(await CuttableStore.open());
  const mirror = await Mirror.open(cuttable.store);
  stack.defer(() => mirror.close());
  const stateDir = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  stack.defer(() => Deno.remove(stateDir, { recursive: true }));
  const told: { identity?: TunnelIdentity; hosts?: TunnelHost[]; peers: TunnelPeer[] } = {
    peers: [],
  };
  const make = () =>
    new Encryption({
      mirror,
      hostId: SELF,
      stateDir,
      tunnel: {
        identify: (identity) => Promise.resolve(void (told.identity = identity)),
        setHosts: (hosts) => Promise.resolve(void (told.hosts = hosts)),
        peers: () => Promise.resolve(told.peers),
        refused: [],
        isOpen: true,
      },
      port: 51820,
      underlay: () => ({ address: "192.0.2.1", interface: "u0", mtu: 1500 }),
      vteps: {
        faultOf: (address) => address === "192.0.2.66" ? "it is one of this host's own" : undefined,
      },
      shared: true,
      loaded: () => true,
      leaseTtl: options.leaseTtl ?? 0,
    });
  const encryption = make();
  stack.defer(() => encryption.close());
  const put = (host: string, record: object) =>
    mirror.commit({
      puts: [tunnelRecords.put({ host, made: "2026-01-01T00:00:00Z", ...record } as never)],
    });
  const rest = stack.move();
  return {
    cuttable,
    mirror,
    stateDir,
    told,
    encryption,
    put,
    make,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

Deno.test("a host says its key and endpoint, and tells its tunnel of others'", async () => {
  await using all = await subject();
  const { encryption, told, mirror, put, stateDir } = all;
  const key = (await newKeyPair()).public;
  await put(OTHER, { key, endpoint: "192.0.2.2:51820" });
  // One claims to be at this host's own address; another has seen it elsewhere.
  await put(THIRD, {
    key: (await newKeyPair()).public,
    endpoint: "192.0.2.66:1",
    seen: { [OTHER]: "198.51.100.7:9" },
  });
  await encryption.start();
  await encryption.refresh();
  const own = tunnelRecords.get(mirror, SELF)!;
  assert.deepEqual([own.endpoint, own.next, own.seen], ["192.0.2.1:51820", undefined, undefined]);
  assert.equal(told.identity!.host, SELF);
  assert.deepEqual(told.hosts!.find(({ id }) => id === OTHER), {
    id: OTHER,
    keys: [key],
    endpoints: ["192.0.2.2:51820", "198.51.100.7:9"],
  });
  assert.deepEqual(told.hosts!.find(({ id }) => id === THIRD)!.endpoints, []);
  const { mode } = await Deno.stat(`${stateDir}/wireguard.json`);
  assert.equal(mode! & 0o777, 0o600);
  assert.ok(
    !JSON.stringify(mirror.list("")).includes(told.identity!.key),
    "the private key stays here",
  );
  // Where it sees another elsewhere than that says, it says so.
  told.peers = [{
    host: OTHER,
    key,
    endpoint: "203.0.113.5:7",
    handshake: Date.now() / 1000,
    received: 1,
    sent: 1,
  }];
  await encryption.refresh();
  assert.deepEqual(tunnelRecords.get(mirror, SELF)!.seen, { [OTHER]: "203.0.113.5:7" });
});

Deno.test("the key outlives the daemon, but not a copy of its directory to another host", async () => {
  await using all = await subject();
  const first = await HostKeys.open(all.stateDir, SELF);
  assert.deepEqual((await HostKeys.open(all.stateDir, SELF)).set, first.set);
  const copied = await HostKeys.open(all.stateDir, OTHER);
  assert.notEqual(copied.set.current.public, first.set.current.public);
  await Deno.writeTextFile(`${all.stateDir}/wireguard.json`, "{");
  assert.notEqual(
    (await HostKeys.open(all.stateDir, OTHER)).set.current.public,
    copied.set.current.public,
  );
});

Deno.test("a rotation that is asked for: the next key is said before it is used", async () => {
  await using all = await subject({ leaseTtl: 60_000 });
  const { encryption, mirror, told, make } = all;
  await encryption.start();
  await encryption.refresh();
  const before = told.identity!.key;
  await mirror.commit({
    puts: [
      rotationRecord.put({
        id: "1".repeat(32),
        requested: new Date(Date.now() + 1000).toISOString(),
      }),
    ],
  });
  await encryption.refresh();
  await encryption.refresh();
  const { key, next } = tunnelRecords.get(mirror, SELF)!;
  assert.ok(next !== undefined && next !== key);
  assert.equal(told.identity!.key, before, "it isn't used before others have had the time");
  // A daemon that dies in between goes on with the same next key.
  await encryption.close();
  const again = make();
  await again.start();
  await again.refresh();
  assert.equal(tunnelRecords.get(mirror, SELF)!.next, next);
  await again.close();
});

Deno.test("a host that comes after the request has a young key already", async () => {
  await using all = await subject();
  await all.mirror.commit({
    puts: [rotationRecord.put({ id: "2".repeat(32), requested: "2026-01-01T00:00:00.000Z" })],
  });
  await all.encryption.start();
  await all.encryption.refresh();
  assert.equal(tunnelRecords.get(all.mirror, SELF)!.next, undefined);
});

Deno.test("without the store the tunnel keeps its key, and nothing is thrown", async () => {
  await using all = await subject();
  await all.encryption.start();
  const { told } = all;
  const before = told.identity!.key;
  all.cuttable.cut();
  await all.encryption.refresh();
  assert.equal(told.identity!.key, before);
  all.cuttable.restore();
});

Deno.test("the steps of a rotation", () => {
  const calm = {
    ...{ now: MAX_AGE_MS, made: 1, request: undefined, followed: undefined, announced: undefined },
    ...{ hasNext: false, settle: 15_000, silent: false },
  };
  assert.equal(rotationStep(calm), "none");
  assert.equal(rotationStep({ ...calm, made: 0 }), "prepare", "after 30 days");
  assert.equal(rotationStep({ ...calm, request: "x" }), "prepare");
  assert.equal(rotationStep({ ...calm, request: "x", followed: "x" }), "none");
  const next = { ...calm, hasNext: true };
  assert.equal(rotationStep(next), "wait", "nobody knows it yet");
  assert.equal(rotationStep({ ...next, announced: 14_999 }), "wait");
  assert.equal(rotationStep({ ...next, announced: 15_000 }), "use");
  assert.equal(rotationStep({ ...next, announced: 15_000, silent: true }), "wait");
  assert.equal(rotationStep({ ...next, announced: PATIENCE_MS, silent: true }), "use");
});

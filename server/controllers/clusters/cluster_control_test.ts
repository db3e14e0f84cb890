import assert from "node:assert/strict";
import { ClusterFile } from "../../cluster/files/cluster_file.ts";
import { formatToken, newSecret } from "../../cluster/control/token.ts";
import { ClusterControl, type ClusterControlParts } from "./cluster_control.ts";

async function withControl(
  test: (control: ClusterControl, restarts: () => number) => Promise<void>,
  parts: Partial<ClusterControlParts> = {},
): Promise<void> {
  const stateDir = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  let restarts = 0;
  const control = new ClusterControl({
    file: new ClusterFile(stateDir),
    hostId: "a".repeat(64),
    hostName: "one",
    member: undefined,
    storeGiven: false,
    addressOf: () => Promise.resolve("10.0.0.1"),
    hosts: {
      list: () => Promise.resolve([]),
      remove: () => Promise.reject(new Error("not asked for")),
      forgetSelf: () => Promise.resolve(),
    },
    registered: () => true,
    backed: () => [],
    strandedNetworks: () => [],
    answers: () => Promise.resolve(true),
    rotateKeys: () => Promise.resolve(undefined),
    restart: () => restarts++,
    ...parts,
  });
  try {
    await test(control, () => restarts);
    assert.deepEqual(
      [...Deno.readDirSync(stateDir)].map(({ name }) => name),
      [],
      "nothing is left",
    );
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

const INVALID = { code: "invalid" as const };

Deno.test("a host that is in no cluster says so, and how to get into one", () =>
  withControl(async (control) => {
    assert.deepEqual(await control.status(), { ready: true, hosts: [] });
    await assert.rejects(control.leave(), { ...INVALID, message: /no cluster.*init.*join TOKEN/ });
    await assert.rejects(control.tokens(), INVALID);
    await assert.rejects(control.createToken(), INVALID);
    await assert.rejects(control.rotateKeys(), INVALID);
  }));

Deno.test("bad input is refused with its value and the remedy, and changes nothing", () =>
  withControl(async (control, restarts) => {
    const etcd = "/nowhere/etcd";
    await assert.rejects(control.init({ etcd }), {
      code: "unsupported",
      message: /nowhere.*apt-get/,
    });
    await assert.rejects(control.init({ ttl: 1 }), { ...INVALID, message: /--ttl 1 s.*minute/ });
    await assert.rejects(control.init({ uses: 0 }), { ...INVALID, message: /--uses 0/ });
    await assert.rejects(control.init({ name: "a b" }), { ...INVALID, message: /--name "a b"/ });
    await assert.rejects(control.join({ token: "nonsense" }), {
      ...INVALID,
      message: /token create/,
    });
    const token = formatToken({
      kind: "own",
      fingerprint: "0".repeat(64),
      ...newSecret(),
      addresses: [],
    });
    await assert.rejects(control.join({ token, name: "-x" }), INVALID);
    assert.equal(restarts(), 0);
  }));

Deno.test("a daemon with --kv-store, or with global networks of its own, makes no cluster", async () => {
  await withControl(
    async (control) => {
      await assert.rejects(control.init(), { ...INVALID, message: /--kv-store/ });
    },
    { storeGiven: true },
  );
  await withControl(
    async (control) => {
      await assert.rejects(control.init(), { code: "in_use", message: /: prod; remove/ });
    },
    { strandedNetworks: () => ["prod"] },
  );
});

Deno.test("a host without an address says how to give one", () =>
  withControl(async (control) => {
    await assert.rejects(control.init(), { ...INVALID, message: /--advertise/ });
  }, { addressOf: () => Promise.resolve(undefined) }));

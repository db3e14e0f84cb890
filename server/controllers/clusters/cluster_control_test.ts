import { libc } from "../../../lib/linux/libc.ts";
import assert from "node:assert/strict";
import { ClusterFile } from "../../cluster/files/cluster_file.ts";
import { formatToken, newSecret } from "../../cluster/control/token.ts";
import { ClusterControl, type ClusterControlParts } from "./cluster_control.ts";

libc(); // It stays loaded, whichever test comes first.

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
      remove: () => Promise.reject(new Error("not asked for")),
      forgetSelf: () => Promise.resolve(),
    },
    backed: () => [],
    strandedNetworks: () => [],
    look: {
      status: () => Promise.resolve({ ready: true, hosts: [] }),
      troubles: () => Promise.resolve([]),
    },
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
    const actions: (() => unknown)[] = [
      () => control.leave(),
      () => control.tokens(),
      () => control.createToken(),
      () => control.removeToken("0"),
      () => control.rotateKeys(),
      () => control.repair.backup("/nowhere"),
    ];
    for (const action of actions) {
      await assert.rejects(async () => await action(), {
        ...INVALID,
        message:
          /^This host is in no cluster; "netsvc cluster init" makes one, "netsvc cluster join TOKEN" joins one$/,
      });
    }
  }));

Deno.test("bad input is refused with its value and the remedy, and changes nothing", () =>
  withControl(async (control, restarts) => {
    const etcd = "/nowhere/etcd";
    await assert.rejects(control.init({ etcd }), {
      code: "unsupported",
      message: /nowhere.*apt-get/,
    });
    await assert.rejects(control.init({ ttl: 1 }), {
      ...INVALID,
      message: /--ttl 1s: give 1m to 30d/,
    });
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

import assert from "node:assert/strict";
import { ClusterFile, type ClusterState } from "./cluster_file.ts";

const STATE: ClusterState = {
  cluster: { id: "a".repeat(64) },
  host: { id: "b".repeat(64), name: "host-1", address: "10.0.0.1" },
  role: "voter",
  store: { kind: "own", endpoints: [{ host: "10.0.0.1", port: 2479 }] },
};

async function open(): Promise<ClusterFile & AsyncDisposable> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  return Object.assign(new ClusterFile(directory), {
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  });
}

Deno.test("what is written is read, and no other user may read it", async () => {
  await using file = await open();
  assert.equal(await file.read(), undefined);
  await file.write(STATE);
  assert.deepEqual(await file.read(), STATE);
  assert.equal((await Deno.stat(file.paths.directory)).mode! & 0o777, 0o700);
  assert.equal((await Deno.stat(file.paths.file)).mode! & 0o777, 0o600);
  await file.write({ ...STATE, role: "client" });
  assert.equal((await file.read())?.role, "client");
  await file.remove();
  await file.remove();
  assert.equal(await file.read(), undefined);
});

Deno.test("backups outlive the membership", async () => {
  await using file = await open();
  await file.write(STATE);
  assert.equal(await file.keepSnapshots("ab".repeat(32)), undefined);
  await Deno.mkdir(file.paths.snapshots);
  await Deno.writeTextFile(`${file.paths.snapshots}/a.netsvc`, "a");
  for (let i = 0; i < 2; i++) {
    const kept = await file.keepSnapshots("ab".repeat(32));
    await file.remove();
    assert.match(kept!, /\/snapshots-of-abababababababab$/);
    assert.equal(await Deno.readTextFile(`${kept}/a.netsvc`), "a");
  }
});

Deno.test("what isn't one is refused by its path, with the remedy", async () => {
  await using file = await open();
  await file.makeDirectory();
  for (
    const text of ["", "{", "[]", "{}", JSON.stringify({ v: 2, ...STATE }), '{"v":1,"role":"x"}']
  ) {
    await Deno.writeTextFile(file.paths.file, text);
    await assert.rejects(file.read(), { code: "invalid", message: /cluster\.json".*join/ }, text);
  }
});

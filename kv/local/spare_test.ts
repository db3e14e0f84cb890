/** The embedded store on disks that take no writes. */
import assert from "node:assert/strict";
import { committed, put, until, Viewer } from "../testing/case.ts";
import { openLocalStore } from "./local_store.ts";

async function ok(...argv: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(argv[0]!, { args: argv.slice(1) }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** A small disk, and a directory beside it. */
async function disk() {
  const root = Deno.makeTempDirSync({ prefix: "h1_disk_" });
  const [path, scratch] = [`${root}/disk`, `${root}/scratch`];
  Deno.mkdirSync(path);
  Deno.mkdirSync(scratch);
  await ok("mount", "-t", "tmpfs", "-o", "size=1m", "none", path);
  return {
    path,
    scratch,
    /** Leaves no room on it. */
    fill: () => {
      using file = Deno.openSync(`${path}/ballast`, { create: true, write: true });
      for (let size = 65536; size > 0; size >>= 1) {
        try {
          while (true) file.writeSync(new Uint8Array(size));
        } catch {
          // Less fits.
        }
      }
    },
    free: () => Deno.removeSync(`${path}/ballast`),
    remount: (how: "ro" | "rw") => ok("mount", "-o", `remount,${how}`, path),
    [Symbol.asyncDispose]: async () => {
      await ok("umount", "--lazy", path);
      Deno.removeSync(root, { recursive: true });
    },
  };
}

type Disk = Awaited<ReturnType<typeof disk>>;

for (
  const [what, message, spoil, mend] of [
    ["full", /^The disk of ".*" is full.*free space/, (d: Disk) => d.fill(), (d: Disk) => d.free()],
    [
      "read-only",
      /^".*" is on a read-only file system/,
      (d: Disk) => d.remount("ro"),
      (d: Disk) => d.remount("rw"),
    ],
  ] as const
) {
  Deno.test(`openLocalStore() on a ${what} disk reads, refuses changes, and goes on by itself`, async () => {
    await using small = await disk();
    const { path, scratch } = small;
    {
      await using store = await openLocalStore(`${path}/state`);
      await put(store, "k/a", "1");
      await put(store, "k/long", "x".repeat(50_000));
      // As after a SIGKILL: what isn't in the file yet is beside it.
      for (const suffix of ["", "-wal"]) {
        Deno.copyFileSync(`${path}/state/state.kv${suffix}`, `${scratch}/state.kv${suffix}`);
      }
    }
    for (const suffix of ["", "-wal"]) {
      Deno.renameSync(`${scratch}/state.kv${suffix}`, `${scratch}/moved`);
      Deno.copyFileSync(`${scratch}/moved`, `${path}/state/state.kv${suffix}`);
      Deno.removeSync(`${scratch}/moved`);
    }
    await spoil(small);
    let back = false;
    let why = "";
    const options = { onBack: () => back = true, onSpare: (text: string) => void (why = text) };
    {
      await using store = await openLocalStore(`${path}/state`, { scratch: [scratch], ...options });
      assert.match(why, message);
      assert.equal((await store.get("k/a"))?.value, "1");
      assert.equal((await store.list("k/")).length, 2);
      await using viewer = new Viewer(store, "k/");
      await viewer.next();
      await assert.rejects(store.commit({ puts: [{ key: "k/b", value: "2" }] }), {
        code: "unavailable",
        message,
      });
      await assert.rejects(store.lease(1000), { code: "unavailable", message });
      // It is still this owner's.
      await assert.rejects(openLocalStore(`${path}/state`, { scratch: [scratch] }), {
        code: "in_use",
      });
      assert.equal([...Deno.readDirSync(scratch)].length, 1, "one copy");
      await mend(small);
      await until(async () => {
        await store.get("k/a");
        return back || await store.commit({ deletes: ["k/none"] }).then(() => true, () => false);
      }, "the file takes changes again");
      committed(await store.commit({ puts: [{ key: "k/b", value: "2" }] }));
      await viewer.until((view) => view.has("k/b"));
      assert.equal(viewer.view.size, 3);
      assert.deepEqual([...Deno.readDirSync(scratch)], [], "the copy is gone");
    }
    await using store = await openLocalStore(`${path}/state`);
    assert.deepEqual((await store.list("k/")).map(({ key }) => key), ["k/a", "k/b", "k/long"]);
  });
}

Deno.test("openLocalStore() on a full disk without a store, or without room for a copy, says what to do", async () => {
  await using small = await disk();
  const { path } = small;
  small.fill();
  const full = {
    code: "unavailable",
    message: /is full, so nothing can be changed; free space on/,
  };
  await assert.rejects(openLocalStore(`${path}/state`, { scratch: [small.scratch] }), full);
  small.free();
  {
    await using store = await openLocalStore(`${path}/state`);
    await put(store, "k/a", "1");
  }
  small.fill();
  await assert.rejects(openLocalStore(`${path}/state`, { scratch: [path] }), full);
  small.free();
  await using store = await openLocalStore(`${path}/state`);
  assert.equal((await store.get("k/a"))?.value, "1", "nothing is lost");
});

Deno.test("commit() on a disk that fills up says so, and works again when there is room", async () => {
  await using small = await disk();
  await using store = await openLocalStore(`${small.path}/state`);
  await put(store, "k/a", "1");
  small.fill();
  const large = Array.from({ length: 30 }, (_, i) => ({ key: `k/${i}`, value: "x".repeat(9000) }));
  await assert.rejects(store.commit({ puts: large }), {
    code: "unavailable",
    message: /^The disk of ".*\/state" is full, so nothing can be changed; free space on it$/,
  });
  assert.deepEqual((await store.list("")).map(({ key }) => key), ["k/a"]);
  small.free();
  await put(store, "k/b", "1");
});

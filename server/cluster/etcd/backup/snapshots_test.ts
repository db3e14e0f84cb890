import assert from "node:assert/strict";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { KEPT, Snapshots } from "./snapshots.ts";

const HOUR = 3_600_000;

Deno.test("one an hour, the last 24 are kept, and a wrong clock holds up none", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  let time = Date.UTC(2026, 0, 1);
  let away = false;
  await using snapshots = new Snapshots({
    directory: `${directory}/s`,
    now: () => time,
    write: async (path) => {
      if (away) throw new NetsvcError("unavailable", "The store is away");
      await Deno.writeTextFile(path, String(time));
    },
  });
  try {
    assert.deepEqual(await snapshots.list(), []);
    // The first is of a store where nothing is yet: another one follows soon.
    let early = 0;
    for (let i = 0; i < 30; i++) {
      await snapshots.round();
      time += HOUR / 2;
      await snapshots.round();
      if (i === 0) early = (await snapshots.list()).length;
      time += HOUR / 2;
    }
    const all = await snapshots.list();
    assert.equal(early, 2);
    assert.equal(all.length, KEPT);
    assert.deepEqual(all.map(({ time }) => time), all.map((_, i) => time - HOUR * (i + 1)));
    const oldest = all.at(-1)!.time;
    away = true;
    await snapshots.round();
    assert.equal((await snapshots.list()).at(-1)!.time, oldest);
    // What was killed while it wrote is removed, and what is another's stays.
    away = false;
    await Deno.writeTextFile(`${directory}/s/2026.netsvc.1.part`, "");
    await Deno.writeTextFile(`${directory}/s/mine`, "");
    time -= 40 * HOUR;
    await snapshots.round();
    const names = [...Deno.readDirSync(`${directory}/s`)].map(({ name }) => name);
    assert.ok(names.includes("mine") && !names.some((name) => name.endsWith(".part")));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

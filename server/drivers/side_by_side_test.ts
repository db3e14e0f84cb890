import assert from "node:assert/strict";
import type { CommitResult } from "../../kv/store.ts";
import { begin, endBoth, finish } from "./side_by_side.ts";

const OK: CommitResult = { ok: true, revision: "1" };
const LOST: CommitResult = { ok: false, failed: "a key" };
const fails = (why: string) => () => Promise.reject(new Error(why));

/** Ends halves that come out so; tells what was undone. */
async function ended(
  commit: () => Promise<CommitResult>,
  make: () => Promise<string>,
  confirm: (made: string) => string = (made) => made,
) {
  const undone: string[] = [];
  const outcome = await finish(begin(commit, make), {
    what: "a test",
    confirm,
    undoMake: () => Promise.resolve(void undone.push("kernel")),
    undoCommit: () => Promise.resolve(void undone.push("store")),
  }).catch((error) => error.message);
  return { outcome, undone };
}

Deno.test("both halves succeed, or neither stays", async () => {
  const commit = () => Promise.resolve(OK);
  const lost = () => Promise.resolve(LOST);
  const make = () => Promise.resolve("made");
  assert.deepEqual(await ended(commit, make), { outcome: { done: "made" }, undone: [] });
  assert.deepEqual(await ended(commit, fails("kernel")), {
    outcome: "kernel",
    undone: ["kernel", "store"],
  });
  assert.deepEqual(await ended(lost, make), { outcome: { conflict: "a key" }, undone: ["kernel"] });
  assert.deepEqual(await ended(fails("store"), make), { outcome: "store", undone: ["kernel"] });
  assert.deepEqual(
    await ended(lost, fails("kernel")),
    { outcome: { conflict: "a key" }, undone: ["kernel"] },
    "what was decided on an old state may well fail in the kernel",
  );
  assert.deepEqual(await ended(fails("store"), fails("kernel")), {
    outcome: "kernel",
    undone: ["kernel"],
  });
});

Deno.test("what isn't confirmed is undone in both, and the reason stays", async () => {
  const { outcome, undone } = await ended(
    () => Promise.resolve(OK),
    () => Promise.resolve("made"),
    () => {
      throw new Error("ended meanwhile");
    },
  );
  assert.deepEqual({ outcome, undone }, {
    outcome: "ended meanwhile",
    undone: ["kernel", "store"],
  });
});

Deno.test("an undo that fails doesn't hide the first failure, or keep the other half", async () => {
  const undone: string[] = [];
  const halves = begin(() => Promise.resolve(OK), fails("kernel"));
  await assert.rejects(
    finish(halves, {
      what: "a test",
      confirm: () => {},
      undoMake: fails("undo"),
      undoCommit: () => Promise.resolve(void undone.push("store")),
    }),
    /^Error: kernel$/,
  );
  assert.deepEqual(undone, ["store"]);
});

/** An end of both halves, which come out so; tells what was done, in order. */
async function bothEnded(
  commit: (told: string[]) => Promise<void>,
  end: (told: string[]) => Promise<void> = () => Promise.resolve(),
) {
  const told: string[] = [];
  const outcome = await endBoth({
    commit: () => commit(told),
    end: () => (told.push("end"), end(told)),
    what: "a test",
    makeAgain: () => Promise.resolve(void told.push("again")),
  }).then(() => "done", (error) => error.message);
  return { outcome, told };
}

const later = () => new Promise<void>((resolve) => setTimeout(resolve, 20));

Deno.test("an end is in the kernel while the store commits it", async () => {
  const commit = async (told: string[]) => {
    await later();
    told.push("committed");
  };
  assert.deepEqual(await bothEnded(commit), { outcome: "done", told: ["end", "committed"] });
});

Deno.test("what the store refuses at once isn't touched, and what it refuses later is made again", async () => {
  const refused = { outcome: "store", told: [] };
  assert.deepEqual(await bothEnded(fails("store")), refused);
  const late = async () => {
    await later();
    throw new Error("store");
  };
  assert.deepEqual(await bothEnded(late), { outcome: "store", told: ["end", "again"] });
  assert.deepEqual(await bothEnded(late, fails("kernel")), {
    outcome: "store",
    told: ["end", "again"],
  });
});

Deno.test("an end that the kernel refuses is told, and stays in the store", async () => {
  const commit = async (told: string[]) => {
    await later();
    told.push("committed");
  };
  assert.deepEqual(await bothEnded(commit, fails("kernel")), {
    outcome: "kernel",
    told: ["end", "committed"],
  });
});

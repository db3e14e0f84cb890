import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { chooseProgram, type Programs } from "./choose_program.ts";
import type { Version } from "./version.ts";

const program = (path: string, version: Version) => ({ path, version, identity: path });

/** Path of what is chosen, with `save` where the data is copied before. */
function choose(programs: Partial<Programs> & Pick<Programs, "installed">): string {
  const { program: { path }, save } = chooseProgram({
    last: [3, 6, 16],
    kept: undefined,
    upgrade: false,
    ...programs,
  });
  return save ? `${path} save` : path;
}

Deno.test("a start takes the minor version that the data is of, if need be from the copy", () => {
  const kept = program("kept", [3, 6, 16]);
  assert.equal(choose({ last: undefined, installed: program("new", [3, 7, 3]), kept }), "new");
  assert.equal(choose({ installed: program("patch", [3, 6, 20]), kept }), "patch");
  assert.equal(choose({ installed: program("next", [3, 7, 3]), kept }), "kept");
  assert.equal(choose({ installed: program("old", [3, 5, 21]), kept }), "kept");
  assert.equal(choose({ installed: new Error("none"), kept }), "kept");
  // The copy is of before an upgrade that was made by hand.
  const older = program("kept", [3, 5, 21]);
  assert.throws(() => choose({ installed: new Error("none"), kept: older }), /none/);
});

Deno.test("an upgrade takes the next minor version, and no other", () => {
  const kept = program("kept", [3, 6, 16]);
  const upgrade = true;
  assert.equal(choose({ installed: program("next", [3, 7, 3]), kept, upgrade }), "next");
  for (const version of [[3, 5, 21], [3, 8, 0]] as const) {
    assert.throws(
      () => choose({ installed: program("bad", [...version]), kept, upgrade }),
      { code: "unsupported" },
    );
  }
  assert.throws(() => choose({ installed: new Error("none"), kept, upgrade }), /none/);
});

Deno.test("without a copy another minor version has the data saved first, or is refused with what to do", () => {
  const last: Version = [3, 4, 30];
  assert.equal(choose({ last, installed: program("next", [3, 5, 21]) }), "next save");
  assert.throws(
    () => choose({ installed: program("/usr/bin/etcd", [3, 7, 3]) }),
    (error: unknown) =>
      error instanceof NetsvcError && error.code === "unsupported" &&
      /\/usr\/bin\/etcd.*3\.6\.16 has left; start the daemon with --etcd PATH of an etcd 3\.6/
        .test(error.message),
  );
});

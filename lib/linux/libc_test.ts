import assert from "node:assert/strict";
import { run } from "../../tests/harness/command.ts";

const program = `
  import { bindWhenUsed, ENOENT, errno, libc, tryOpenFd } from "${
  import.meta.resolve("./libc.ts")
}";
  let bound = 0;
  const { dlopen } = Deno;
  Deno.dlopen = (path, symbols) => (bound += Object.keys(symbols).length, dlopen(path, symbols));
  const counts = [];
  bindWhenUsed();
  counts.push(bound);
  libc().geteuid();
  libc().geteuid();
  counts.push(bound);
  // The first failing call binds what it needs and keeps its errno.
  if (tryOpenFd("/nothing/here") !== undefined || errno() !== ENOENT) throw new Error("errno " + errno());
  counts.push(bound);
  const { getsockname, getpeername } = libc();
  counts.push(bound, typeof getsockname, typeof getpeername);
  console.log(JSON.stringify(counts));
`;

Deno.test("a symbol of libc is bound when it is first used, once, and the errno of its first call is kept", async () => {
  const { stdout, stderr, code } = await run(
    [Deno.execPath(), "run", "-A", "--no-check", "--no-config", "-"],
    { stdin: program },
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [1, 2, 3, 5, "function", "function"]);
});

import assert from "node:assert/strict";
import { libc } from "../../../lib/linux/libc.ts";
import { identify } from "../../../lib/linux/processes/process_table.ts";
import { startHolder } from "./resolver_spares.ts";

libc(); // Loaded once, for all tests.

const command = (pid: number) =>
  Deno.readTextFile(`/proc/${pid}/cmdline`).then((text) => text.replaceAll("\0", " "), () => "");

Deno.test("a process that holds spares stays once it is named in the file", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-" });
  const child = startHolder(`${directory}/resolvers`);
  try {
    const process = identify(child.pid)!;
    await Deno.writeTextFile(`${directory}/resolvers`, JSON.stringify({ process, sockets: {} }));
    while (!(await command(child.pid)).startsWith("sleep infinity")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(identify(child.pid), process, "it is the same process");
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("one whose daemon was killed before it named it ends by itself", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-" });
  const process = { pid: 1, start: "1", boot: "x" };
  await Deno.writeTextFile(`${directory}/resolvers`, JSON.stringify({ process, sockets: {} }));
  const child = startHolder(`${directory}/resolvers`, 2);
  assert.equal((await child.status).signal, null);
  await Deno.remove(directory, { recursive: true });
});

/**
 * Writes entries into a store as anybody does who reaches it: no daemon has a say in it. Reads a JSON
 * array of `{ key, value }` from standard input; the argument is the value of `--kv-store`.
 *
 * @module
 */
import { openStore } from "../../kv/open.ts";
import type { Put } from "../../kv/store.ts";

const BATCH = 50;
const puts = JSON.parse(await new Response(Deno.stdin.readable).text()) as Put[];
await using store = await openStore(Deno.args[0]!, { stateDir: "", env: {} });
for (let i = 0; i < puts.length; i += BATCH) {
  await store.commit({ puts: puts.slice(i, i + BATCH) });
}

/**
 * Prints all entries of a store as JSON; its URL is the only argument. A program of its own, since a
 * store's client can't be told to open its connections in another namespace.
 *
 * @module
 */
import { openStore } from "../../kv/open.ts";

if (import.meta.main) {
  const store = await openStore(Deno.args[0]!, { stateDir: "/nonexistent" });
  console.log(JSON.stringify(await store.list("")));
  Deno.exit(0);
}

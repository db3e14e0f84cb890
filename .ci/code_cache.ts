/**
 * Makes V8's code cache of the daemon's code: a program of its own, compiled with the executable's flags, since V8 takes
 * a cache only where those are the same. Loads the code as `packed_daemon.ts` does, without running the daemon:
 * the functions that loading takes are in the cache.
 *
 * Words: the file with the code, and the file that is made.
 *
 * @module
 */
import { createRequire } from "node:module";
import { Script } from "node:vm";

const [codeFile, cacheFile] = Deno.args as [string, string];
const options = { filename: "netsvc:daemon" };
const code = new TextDecoder("latin1").decode(await Deno.readFile(codeFile));

function load(script: Script): void {
  const module = { exports: {} };
  script.runInThisContext()(createRequire(import.meta.url), module, module.exports, "file:///");
}

const script = new Script(code, options);
load(script);
const cachedData = script.createCachedData();
if (new Script(code, { ...options, cachedData }).cachedDataRejected) {
  throw new Error("V8 refuses the cache that it has made");
}
await Deno.writeFile(cacheFile, cachedData);

import assert from "node:assert/strict";
import { ignoreProxies } from "./proxies.ts";

Deno.test("proxies of the environment are gone, in either case", () => {
  const names = ["http_proxy", "HTTPS_PROXY", "all_proxy", "grpc_proxy"];
  for (const name of names) Deno.env.set(name, "http://127.0.0.1:9");
  ignoreProxies();
  for (const name of names) assert.equal(Deno.env.has(name), false, name);
});

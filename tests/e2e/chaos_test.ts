import { hostChaos } from "../chaos/host_chaos.ts";

Deno.test("a few rounds of SIGKILL under load leak nothing", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  await hostChaos(seed, 6);
});

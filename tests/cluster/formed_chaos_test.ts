import { formedChaos } from "../chaos/formed_chaos.ts";

Deno.test("failures at random lose nothing that a cluster of its own has acknowledged", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  await formedChaos({ seed, rounds: 2, hosts: 3, lease: 5 });
});

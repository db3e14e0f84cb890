import { chaos } from "../chaos.ts";

Deno.test("a few rounds of SIGKILL under load leak nothing", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  await chaos(seed, 6);
});

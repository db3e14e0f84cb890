/**
 * `netsvc network ls` by the executable, beside an empty compiled program.
 *
 * @module
 */
import { denort } from "../.ci/denort.ts";
import { ok } from "../tests/harness/command.ts";
import { NETSVC, TestHost } from "../tests/harness/host.ts";
import { interleave, type Row, spread } from "./measure.ts";

const ROUNDS = 40;

/** Runs the rounds; compiles the empty program first. */
export async function benchClientStart(): Promise<Row[]> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-bench-" });
  await using host = await TestHost.create();
  try {
    await Deno.writeTextFile(`${directory}/empty.ts`, "");
    await ok([
      ...[Deno.execPath(), "compile", "--quiet", "--no-check", "--no-config"],
      ...["-o", `${directory}/empty`, `${directory}/empty.ts`],
    ], { env: await denort() });
    const { own, floor } = await interleave(ROUNDS, () => Promise.resolve(), {
      own: { run: () => ok([...NETSVC, "-H", `unix://${host.socket}`, "network", "ls"]) },
      floor: { run: () => ok([`${directory}/empty`]) },
    });
    return [{
      what: "network ls (executable)",
      unit: "ms",
      ...spread(own, floor),
      floorIs: "an empty compiled program",
      target: { ratio: 1.25, kind: "most" },
    }];
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

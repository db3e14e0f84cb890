/**
 * A daemon that starts again with 300 sandboxes attached, until the last of them has its names: each
 * sandbox asks its own resolver for a name of its network, again and again, all from before the start.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { Asker } from "./asker.ts";
import { type Row, spread, time } from "./measure.ts";

const SANDBOXES = 300, ROUNDS = 5;
/** Between the questions of one sandbox, in milliseconds: all of them must leave the daemon its processor. */
const PAUSE_MS = 25;

/** Runs the rounds. */
export async function benchRestart(): Promise<Row[]> {
  await using host = await TestHost.create();
  using stack = new DisposableStack();
  const askers: Asker[] = [];
  {
    using client = new Client({ host: `unix://${host.socket}` });
    await client.networks.create({ name: "net", subnets: ["172.30.0.0/16"] });
    for (let n = 0; n < SANDBOXES; n++) {
      const { sandbox } = await client.containers.create({ name: `c${n}`, network: "net" });
      askers.push(stack.use(new Asker(sandbox!)));
    }
    await client.services.publish({ name: "asked", network: "net" });
    await client.services.attach("asked.net", { container: "c0" });
  }
  const answered = (asker: Asker) => asker.answers("asked", PAUSE_MS);
  const serves: number[] = [];
  const named: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await host.stop();
    named.push(
      await time(async () => {
        serves.push(await time(() => host.start()));
        await Promise.all(askers.map(answered));
      }),
    );
  }
  return [
    {
      ...{ what: `daemon start, ${SANDBOXES} sandboxes, until the last name answers`, unit: "ms" },
      ...spread(named),
      limit: 800,
      floorIs: "from the new process's start; stopping the old one isn't in it",
    },
    {
      ...{ what: `daemon start, ${SANDBOXES} sandboxes, until the API serves`, unit: "ms" },
      ...spread(serves),
      floorIs: "the same starts",
    },
  ];
}

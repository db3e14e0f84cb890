/**
 * SIGKILL of one host's daemon at random moments under concurrent load, again and again, then a check
 * that nothing is leaked, doubled or lost.
 *
 * @module
 */
import { Client } from "../../cli/client/client.ts";
import { ok } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";
import { leaks } from "./leaks.ts";
import { work } from "./load.ts";
import { fork, random } from "./random.ts";

const WORKERS = 6;
/** A round lasts this long at most before the daemon is killed, in milliseconds. */
const MAX_ROUND_MS = 1500;

/** Runs the rounds. @throws when something is wrong, with the seed that replays it */
export async function hostChaos(seed: number, rounds: number): Promise<void> {
  const next = random(seed);
  await using host = await TestHost.create();
  for (let round = 0; round < rounds; round++) {
    let on = true;
    const workers = Array.from({ length: WORKERS }, (_, i) =>
      work({
        socket: host.socket,
        worker: String(i),
        driver: "bridge",
        next: fork(next),
        running: () => on,
      }));
    await new Promise((resolve) => setTimeout(resolve, next() * MAX_ROUND_MS));
    await host.stop("SIGKILL");
    on = false;
    const wrong = (await Promise.all(workers)).flat();
    await host.start();
    wrong.push(...await leaks(host));
    if (wrong.length > 0) {
      throw new Error(
        `Round ${round} of seed ${seed}:\n${wrong.join("\n")}\n` +
          `Replay: ./task chaos --seed ${seed}\n${host.log().split("\n").slice(-40).join("\n")}`,
      );
    }
  }
  // All of it can be taken away again, and then nothing is there.
  using client = new Client({ host: `unix://${host.socket}` });
  for (const { id } of await client.containers.list()) await client.containers.remove(id, true);
  for (const { id, predefined } of await client.networks.list()) {
    if (!predefined) await client.networks.remove(id, true);
  }
  const left = await host.links();
  if (left.length !== 1) throw new Error(`Links are left: ${left.join(" ")} (seed ${seed})`);
  const anchors = await ok(["sh", "-c", `ls ${host.runDir}`]);
  if (anchors.includes("anchor")) throw new Error(`The anchor is left (seed ${seed})`);
}

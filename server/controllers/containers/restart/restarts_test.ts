import assert from "node:assert/strict";
import { until } from "../../../../kv/testing/case.ts";
import { containerSubject, ENDED } from "../../../../tests/harness/containers.ts";
import type { Processes } from "../processes/processes.ts";
import { Restarts } from "./restarts.ts";

Deno.test("what has ended is started again as its policy says, also when it ended before", async () => {
  await using subject = await containerSubject();
  const { containers, containers: { reaper }, context } = subject;
  const process = { command: ["true"] };
  const started: string[] = [];
  const processes = {
    start: (id: string) => Promise.resolve(void started.push(containers.info(id).name!)),
  } as unknown as Processes;
  const make = async (name: string, restart: string) => {
    const { id } = await containers.create({ name, network: "bridge", process, restart });
    await reaper.started(id, ENDED);
    return id;
  };
  await reaper.reap(await make("before", "always"), 0);
  const restarts = new Restarts(context, processes);
  restarts.begin();
  const ids = [await make("failed", "on-failure"), await make("done", "on-failure")];
  await reaper.reap(ids[1]!, 0);
  await reaper.reap(ids[0]!, 1);
  await until(() => Promise.resolve(started.length >= 2), "both are started");
  assert.deepEqual(started.sort(), ["before", "failed"]);
  await restarts.close();
});

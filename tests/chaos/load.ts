/**
 * Load on a daemon: random requests on names that all workers share and on a worker's own.
 *
 * @module
 */
import { Client } from "../../cli/client/client.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { pick, type Random } from "./random.ts";

/** An answer may take this long, whatever the trouble, in milliseconds. */
const LONGEST_ANSWER_MS = 30_000;

/** What a worker is told. */
export interface Load {
  /** Path of the daemon's socket. */
  socket: string;
  /** Name of the worker: no other has it, on any host. */
  worker: string;
  /** Driver of the networks. */
  driver: string;
  next: Random;
  /** Whether to go on. */
  running: () => boolean;
}

/**
 * Works until it is told to stop.
 *
 * @returns what was wrong with answers, in words: a refusal is fine, and none at all is not
 */
export async function work({ socket, worker, driver, next, running }: Load): Promise<string[]> {
  using client = new Client({ host: `unix://${socket}` });
  const wrong: string[] = [];
  const number = (n: number) => Math.floor(next() * n);
  while (running()) {
    const net = `n${number(4)}`;
    const service = `s${number(6)}`;
    const container = `c${worker}-${number(3)}`;
    const actions: (() => Promise<unknown>)[] = [
      () => client.networks.create({ name: net, driver }),
      () => client.services.publish({ name: service, network: net }),
      () => client.services.publish({ name: `${service}-${worker}`, network: net }),
      () => client.containers.create({ name: container }),
      () => client.containers.create({ name: `${container}-n`, network: net }),
      () => client.services.attach(`${service}.${net}`, { container }),
      () => client.services.attach(`${service}.${net}`, { container }),
      () => client.services.detach(`${service}.${net}`, { force: true }),
      () => client.services.unpublish(`${service}.${net}`, next() < 0.5),
      () => client.containers.remove(container, true),
      () => client.containers.remove(`${container}-n`, true),
      () => client.networks.remove(net, next() < 0.3),
    ];
    const begun = performance.now();
    await pick(next, actions)().catch(async (error) => {
      // Any other error is an answer that a kill has cut in two.
      if (!(error instanceof NetsvcError)) return;
      if (error.code === "internal") wrong.push(`${worker} was answered: ${error.message}`);
      // A daemon that is gone refuses so fast that nothing else of this process would run.
      if (error.code === "unavailable") await new Promise((resolve) => setTimeout(resolve, 20));
    });
    const ms = Math.round(performance.now() - begun);
    if (ms > LONGEST_ANSWER_MS) wrong.push(`${worker} waited ${ms} ms for an answer`);
  }
  return wrong;
}

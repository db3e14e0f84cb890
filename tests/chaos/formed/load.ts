/**
 * Writers on an encrypted cluster: services that come and go, and some that wander between containers.
 *
 * @module
 */
import { Client } from "../../../cli/client/client.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { TestHost } from "../../harness/host.ts";
import type { Random } from "../random.ts";
import { boxOf, SEALED } from "./boxes.ts";
import type { Ledger } from "./ledger.ts";

/** Between two requests of a writer, in milliseconds. */
const PAUSE_MS = 40;
/** So many of a writer's services are there at a time, at most. */
const KEEP = 12;

/** What a writer is told. */
export interface Writing {
  /** Which host it is on, and in which round. */
  n: number;
  round: number;
  next: Random;
  ledger: Ledger;
  running: () => boolean;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Writes until it is told to stop. @returns answers that nobody should get */
export async function write(host: TestHost, writing: Writing): Promise<string[]> {
  const { n, round, next, ledger, running } = writing;
  using client = new Client({ host: `unix://${host.socket}` });
  const wrong: string[] = [];
  const own: string[] = [];
  const wandering = `wanders-${n + 1}`;
  const actions = {
    publish: async (i: number) => {
      const name = `r${round}h${n}-${i}`;
      own.push(name);
      const act = () => client.services.publish({ name, network: SEALED });
      await ledger.write(name, "there", act);
    },
    unpublish: async () => {
      const [name] = own.splice(Math.floor(next() * own.length), 1);
      const act = () => client.services.unpublish(`${name}.${SEALED}`, true);
      if (name !== undefined) await ledger.write(name, "gone", act);
    },
    attach: async () => {
      await client.services.publish({ name: wandering, network: SEALED }).catch(() => {});
      await client.services.attach(`${wandering}.${SEALED}`, { container: boxOf(n) });
    },
    detach: () => client.services.detach(`${wandering}.${SEALED}`, { force: true }),
  };
  for (let i = 0; running(); i++) {
    const dice = next();
    const action = own.length > KEEP || dice < 0.3
      ? actions.unpublish
      : dice < 0.8
      ? () => actions.publish(i)
      : dice < 0.9
      ? actions.attach
      : actions.detach;
    await action().catch((error) => {
      const bad = error instanceof NetsvcError && error.code === "internal";
      if (bad) wrong.push(`${host.flags[0]} was answered: ${error.message}`);
    });
    await sleep(PAUSE_MS);
  }
  return wrong;
}

/** Takes away most of what the writers left, on a cluster at rest. */
export async function tidy(host: TestHost, ledger: Ledger, keep: number): Promise<void> {
  using client = new Client({ host: `unix://${host.socket}` });
  const there = (await client.services.list(SEALED)).map(({ name }) => name)
    .filter((name) => /^r\d+h/.test(name));
  for (const name of there.slice(0, Math.max(0, there.length - keep))) {
    await ledger.write(name, "gone", () => client.services.unpublish(`${name}.${SEALED}`, true))
      .catch(() => {});
  }
}

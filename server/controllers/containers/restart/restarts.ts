/**
 * Restarts containers whose process has ended, as their policies say: after an end, after a boot, and after the
 * daemon was away.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type ContainerRecord, ifOwn } from "../../../model/container.ts";
import { errorChain } from "../../../../lib/api/errors.ts";
import { shortId } from "../../../../lib/api/names.ts";
import type { Context } from "../../context.ts";
import type { Processes } from "../processes/processes.ts";
import { restartPause, wantsRestart } from "./restart_policy.ts";

const log = getLogger(["netsvc", "restarts"]);

/** Restarts containers. */
export class Restarts {
  readonly #context: Context;
  readonly #processes: Processes;
  readonly #timers = new Map<string, number>();
  readonly #underWay = new Set<Promise<void>>();
  #unsubscribe: (() => void) | undefined;

  constructor(context: Context, processes: Processes) {
    this.#context = context;
    this.#processes = processes;
  }

  /** Begins with containers that ended before, and follows those that end from now on. */
  begin(): void {
    const { state } = this.#context;
    for (const { record } of state.containers.values()) {
      if (record.kind !== "own") continue;
      // A crash may have cut its start short.
      const halfStarted = record.state === "created" && record.started !== undefined &&
        record.restart !== undefined;
      if (halfStarted || wantsRestart(record, true)) this.#schedule(record, 0);
    }
    this.#unsubscribe = state.subscribe((changes) => {
      for (const { type, id, before, after } of changes) {
        if (type !== "container") continue;
        const [was, is] = [before, after].map((record) => ifOwn(record as ContainerRecord));
        if (!is || is.state === "running" || is.stopped) this.#cancel(id);
        else if (was?.state !== "exited" && wantsRestart(is)) {
          const ran = Date.now() - Date.parse(was?.started ?? is.created);
          this.#schedule(is, restartPause(is.restarts ?? 0, ran));
        }
      }
    });
  }

  #cancel(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  #schedule({ id }: ContainerRecord, pause: number): void {
    this.#cancel(id);
    this.#timers.set(
      id,
      setTimeout(() => {
        this.#timers.delete(id);
        const work = this.#again(id).finally(() => this.#underWay.delete(work));
        this.#underWay.add(work);
      }, pause),
    );
  }

  async #again(id: string): Promise<void> {
    const before = this.#context.state.containers.get(id)?.record;
    if (!before || before.state === "running") return;
    try {
      await this.#processes.start(id, { again: true });
      log.info("Started container {name} again", { name: before.name ?? shortId(id) });
    } catch (error) {
      const record = ifOwn(this.#context.state.containers.get(id)?.record);
      log.warn("Cannot start container {name} again: {cause}", {
        name: before.name ?? shortId(id),
        cause: errorChain(error).join(": "),
      });
      // The obstacle (a port in use, a store that is away) may pass.
      if (record && wantsRestart(record)) {
        this.#schedule(record, restartPause((record.restarts ?? 0) + 1, 0));
      }
    }
  }

  async close(): Promise<void> {
    this.#unsubscribe?.();
    for (const id of [...this.#timers.keys()]) this.#cancel(id);
    await Promise.all(this.#underWay);
  }
}

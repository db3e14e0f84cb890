/**
 * Tells a plugin that an object ends: every step, whatever fails; and again later if the plugin was unreachable.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import type { NetworkCalls } from "./network_calls.ts";
import type { Owed } from "./pending_teardowns.ts";
import type { CallOptions } from "./plugin/plugin.ts";
import { PluginRefusal, PluginUnreachable } from "./protocol/errors.ts";

/** A step of a teardown. */
export type Step = (options?: CallOptions) => Promise<void>;

/** The teardowns of one plugin's networks and endpoints. */
export class Teardown {
  readonly #calls: NetworkCalls;
  readonly #owed: Owed;

  constructor(calls: NetworkCalls, owed: Owed) {
    this.#calls = calls;
    this.#owed = owed;
  }

  /** Tells the plugin that a network ends. */
  async ofNetwork({ id }: NetworkSpec): Promise<void> {
    await this.#run(id, [(options) => unlessMissing(this.#calls.deleteNetwork(id, options))]);
  }

  /**
   * Tells the plugin that an endpoint ends.
   *
   * @param moveOut moves its link out of the sandbox, before the plugin removes it
   */
  async ofEndpoint(
    network: NetworkSpec,
    join: Join,
    { moveOut, options }: { moveOut: Step; options?: CallOptions | undefined },
  ): Promise<void> {
    const [revoke, leave, remove] = this.#farewell(network, join);
    await this.#run(join.endpoint.id, [revoke, leave, moveOut, remove], options);
  }

  /** Removes an endpoint that the plugin still knows from before a crash of either side. */
  async forget(network: NetworkSpec, join: Join, options?: CallOptions): Promise<void> {
    for (const step of this.#farewell(network, join)) await step(options).catch(() => {});
  }

  /** The calls that end an endpoint, in order. */
  #farewell(network: NetworkSpec, join: Join): [Step, Step, Step] {
    const id = { network: network.id, endpoint: join.endpoint.id };
    return [
      async (options) => {
        if (!isOutward(join)) return;
        await unlessMissing(this.#calls.revokeExternalConnectivity(id, options));
      },
      (options) => unlessMissing(this.#calls.leave(id, options)),
      (options) => unlessMissing(this.#calls.deleteEndpoint(id, options)),
    ];
  }

  /**
   * Goes on past failures and reports all; if the plugin was unreachable, retries all steps later, which is
   * harmless.
   */
  async #run(id: string, steps: Step[], options?: CallOptions): Promise<void> {
    const failures: unknown[] = [];
    for (const step of steps) await step(options).catch((error) => failures.push(error));
    if (failures.length === 0) return;
    if (failures.some((error) => error instanceof PluginUnreachable)) {
      this.#owed.add(id, (options) => this.#run(id, steps, options));
    }
    throw summary(failures);
  }
}

/** Whether a join concerns the outside: its gateway, or ports of the host. */
export function isOutward({ gateway, ports }: Join): boolean {
  return gateway || ports.length > 0;
}

async function unlessMissing(step: Promise<void>): Promise<void> {
  await step.catch((error) => {
    if (!(error instanceof PluginRefusal && error.missing)) throw error;
  });
}

/** The errors, one for each different message. */
export function distinct(errors: Error[]): Error[] {
  return [...new Map(errors.map((error) => [error.message, error])).values()];
}

/** One error for all; its code is that of the plugin's absence only where nothing else failed. */
export function summary(failures: unknown[]): unknown {
  const errors = distinct(
    failures.map((error) => error instanceof Error ? error : new Error(String(error))),
  );
  if (errors.length === 1) return errors[0];
  const worst = errors.find((error) => !(error instanceof PluginUnreachable)) ?? errors[0]!;
  return new NetsvcError(
    worst instanceof NetsvcError ? worst.code : "internal",
    errors.map(({ message }) => message).join("; "),
    { cause: new AggregateError(errors) },
  );
}

/**
 * Processes of the containers that netsvc made, as the API asks for them.
 *
 * @module
 */
import type {
  Container,
  ExecSpec,
  KillContainer,
  LaunchContainer,
  LaunchSpec,
  StopContainer,
  WaitResult,
} from "../../../../lib/api/types.ts";
import { identify } from "../../../../lib/linux/processes/process_table.ts";
import type { LogOptions } from "../../../sandbox/logs/log_file.ts";
import type { Context } from "../../context.ts";
import { checkEnvironment, checkWorkdir } from "../request_checks.ts";
import { Signals } from "./signals.ts";
import { Starter, type StarterParts } from "./start.ts";
import { stop } from "./stop.ts";
import { logOf, waitFor } from "./wait.ts";

/** Controls processes. */
export class Processes {
  readonly #context: Context;
  readonly #parts: StarterParts;
  readonly #starter: Starter;
  readonly #signals: Signals;

  constructor(context: Context, parts: StarterParts) {
    this.#context = context;
    this.#parts = parts;
    this.#starter = new Starter(parts);
    this.#signals = new Signals(parts.containers.store, parts.sandboxes);
  }

  #own(reference: string) {
    return this.#parts.containers.store.findOwn(reference);
  }

  /** What a client runs to start a container's process in the foreground. */
  launch(reference: string, request: LaunchContainer): Promise<LaunchSpec> {
    return this.#starter.launch(reference, request);
  }

  /** Starts a container's process in the background. @param options `again`: by its policy */
  start(reference: string, options: { again?: boolean } = {}): Promise<Container> {
    return this.#starter.start(reference, options);
  }

  /** What a client runs for a further process. */
  async exec(reference: string, spec: ExecSpec): Promise<LaunchSpec> {
    checkEnvironment(spec.env);
    if (spec.workdir !== undefined) checkWorkdir(spec.workdir);
    return await this.#parts.sandboxes.launches.planExec(this.#own(reference), spec);
  }

  /** Notes the process that a client has started. */
  async started(reference: string, pid: number): Promise<Container> {
    const { containers } = this.#parts;
    const { id, state } = this.#own(reference);
    const running = identify(pid);
    if (running && state === "created") await containers.reaper.started(id, running);
    return containers.info(id);
  }

  /** Notes how a client's process ended; answers when the container has been reaped. */
  async exited(reference: string, exitCode: number): Promise<void> {
    await this.#parts.containers.reaper.reap(this.#own(reference).id, exitCode);
  }

  /** Ends a container's process for good, whatever its restart policy. */
  async stop(reference: string, request: StopContainer = {}): Promise<Container> {
    const { containers } = this.#parts;
    const container = this.#own(reference);
    const { state } = this.#context;
    await stop({ state, signals: this.#signals, reaper: containers.reaper }, container, request);
    return containers.info(container.id);
  }

  /** Ends a container's process, and starts it again. */
  async restart(reference: string, request: StopContainer = {}): Promise<Container> {
    const { id } = await this.stop(this.#own(reference).id, request);
    return await this.start(id);
  }

  /** Sends a signal to a container's command, or to a process of `exec`. */
  kill(reference: string, request: KillContainer): Promise<void> {
    return this.#signals.kill(reference, request);
  }

  /** Waits until a container's process has ended, or 25 s. */
  async wait(reference: string): Promise<WaitResult> {
    const { state } = this.#context;
    return await waitFor({ state, sandboxes: this.#parts.sandboxes }, this.#own(reference));
  }

  /** Output of a detached container. */
  log(
    reference: string,
    options: Omit<LogOptions, "until"> & { follow: boolean },
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { state } = this.#context;
    return logOf({ state, logs: this.#parts.logs, container: this.#own(reference) }, options);
  }
}

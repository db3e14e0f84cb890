/**
 * Containers that `netsvc run` has an engine start: adopted, and joined to what the request says as if
 * netsvc had made them.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Container, CreateContainer } from "../../../lib/api/types.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import { noSuch } from "../../engines/unknown.ts";
import type { State } from "../../model/state.ts";
import type { Containers } from "../containers/containers.ts";
import type { Foreign } from "./adopted.ts";
import type { EarlyStarts } from "./early_start.ts";

/** Who expects a container starts it, and asks how it went, within this time, in milliseconds. */
const EXPECTED_MS = 60_000;
/** One that runs is seen within this time, in milliseconds. */
const SEEN_MS = 50;

/** What {@linkcode EngineRuns} works with. */
export interface EngineRunsOptions {
  state: State;
  engines: Engines;
  containers: Containers;
  foreign: Foreign;
  early: EarlyStarts;
}

/** See the module. */
export class EngineRuns {
  readonly #options: EngineRunsOptions;

  constructor(options: EngineRunsOptions) {
    this.#options = options;
  }

  /**
   * Checks what a container is to be joined to that is about to be started, and joins it when it has a
   * process. Whoever has started it calls {@linkcode create}, which tells how that went.
   *
   * @throws {NetsvcError} why it can't be joined
   */
  async expect(request: CreateContainer): Promise<void> {
    const { containers, early } = this.#options;
    const found = await this.#find(request.foreign ?? "");
    if (found.running) {
      throw new NetsvcError("conflict", `The container "${found.name ?? found.id}" runs already`);
    }
    await containers.checkForeign(found.id, found.name, request);
    early.begin({
      found,
      ports: request.ports ?? [],
      deadline: EXPECTED_MS,
      join: async () => void await this.#join(found.id, request),
    });
  }

  /** Adopts a running container and joins it. @throws {NetsvcError} */
  async create(reference: string, request: CreateContainer): Promise<Container> {
    const { state, containers, foreign } = this.#options;
    const { id } = await this.#find(reference);
    const early = await this.#options.early.outcome(id, SEEN_MS);
    if (early === "joined" && state.containers.has(id)) return containers.info(id);
    const found = await this.#find(reference);
    if (early !== undefined && !found.running) {
      throw new NetsvcError("not_found", `The container "${found.name ?? shortId(id)}" has ended`);
    }
    await foreign.takeIn(found, request.ports ?? []);
    return await this.#join(found.id, request);
  }

  async #join(id: string, request: CreateContainer): Promise<Container> {
    const { containers, foreign } = this.#options;
    try {
      const joined = await containers.joinForeign(id, request);
      await foreign.written(id);
      return joined;
    } finally {
      await foreign.letGo(id); // Unless it is joined now.
    }
  }

  async #find(reference: string): Promise<ForeignContainer> {
    const found = await this.#options.engines.find(reference);
    if (found) return found;
    throw noSuch(reference) ?? new NetsvcError(
      "not_found",
      `No such container: ${JSON.stringify(reference)}, neither of Docker nor of Podman`,
    );
  }
}

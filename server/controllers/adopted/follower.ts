/**
 * Follows engines' events: reaps a container that has ended, renames one that was renamed, and attaches one that
 * was started to its desired networks again.
 *
 * @module
 */
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { EngineEvent, ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import { type AdoptedContainer, ifAdopted, runtimeOf } from "../../model/container.ts";
import type { DesiredEndpoint } from "../../model/repository/desired.ts";
import { type ContainerStore, ENGINES } from "../containers/container_store.ts";
import { type Context, log } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Services } from "../services/services.ts";
import { containerLabel } from "../labels.ts";
import type { AdoptedContainers } from "./adopted.ts";
import type { Desired } from "./desired.ts";
import { followName } from "./rename.ts";

/** What {@linkcode Follower} works with. */
export interface FollowerOptions {
  context: Context;
  engines: Pick<Engines, "get">;
  services: Pick<Services, "amend" | "ensure">;
  attachments: Pick<Attachments, "attach">;
  store: ContainerStore;
  adopted: Pick<AdoptedContainers, "adopter" | "reaper" | "release">;
  desired: Pick<Desired, "followed">;
}

/** Called with an event when the follower has handled it. */
export type Afterwards = (event: EngineEvent) => Promise<void>;

/** Follows all engines. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #abort = new AbortController();
  readonly #unsubscribe: () => void;
  /** Watches of engines, by name. */
  readonly #watches = new Map<string, Promise<void>>();
  readonly #afterwards = new Map<string, Afterwards>();
  /** Work under way. */
  readonly #under = new Set<Promise<void>>();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#unsubscribe = options.adopted.adopter.adopted.subscribe((runtime) => this.watch(runtime));
  }

  /** Follows an engine that has events. @param afterwards handles its events after the follower */
  watch(runtime: string, afterwards?: Afterwards): void {
    if (afterwards) this.#afterwards.set(runtime, afterwards);
    const engine = ENGINES.includes(runtime) ? this.#options.engines.get(runtime) : undefined;
    if (!engine || this.#watches.has(runtime) || this.#abort.signal.aborted) return;
    const watching = engine.watch((event) => this.#heard(runtime, event), this.#abort.signal);
    this.#watches.set(runtime, watching);
  }

  /** Resumes what earlier daemons began: their watches, and events that were missed meanwhile. */
  resume(): void {
    for (const container of this.#options.store.all()) {
      if (container.kind === "adopted") this.watch(container.runtime);
    }
  }

  #heard(runtime: string, event: EngineEvent): void {
    const { store } = this.#options;
    const concerned = event.type === "gap"
      ? store.all().filter((container) => runtimeOf(container) === runtime).map(({ id }) => id)
      : [event.id];
    const looks = concerned.filter((id) => ifAdopted(store.get(id)))
      .map((id) => this.#look(runtime, id, event.type === "rename"));
    const done = Promise.all(looks).then(() => this.#afterwards.get(runtime)?.(event))
      .finally(() => this.#under.delete(done));
    this.#under.add(done);
  }

  /** Never rejects. */
  async #look(runtime: string, id: string, renamed: boolean): Promise<void> {
    try {
      await (renamed ? this.#lookAtName(runtime, id) : this.#lookAt(runtime, id));
    } catch (error) {
      log.warn("Cannot follow container {id}: {cause}", {
        id: shortId(id),
        cause: errorChain(error).join(": "),
      });
    }
  }

  /** Reaps a container that has ended, and attaches one that was started again. */
  async #lookAt(runtime: string, id: string): Promise<void> {
    const { adopted, engines, store } = this.#options;
    await adopted.reaper.reap(id);
    const container = ifAdopted(store.get(id));
    if (!container) return;
    if (container.state !== "exited") return await this.#lookAtName(runtime, id);
    const found = await engines.get(runtime)!.find(id);
    if (!found) await adopted.release.forget(id); // Its engine has removed it.
    else if (found.running) await this.#attachAgain(found, container);
  }

  async #attachAgain(found: ForeignContainer, container: AdoptedContainer): Promise<void> {
    const { adopted, desired } = this.#options;
    await adopted.adopter.adopt(found, { ports: container.ports });
    for (const endpoint of desired.followed(found.id)) {
      try {
        await this.#attach(found.id, endpoint);
      } catch (error) {
        log.warn("Cannot attach container {name} again: {cause}", {
          name: containerLabel(container),
          cause: errorChain(error).join(": "),
        });
      }
    }
  }

  async #attach(
    id: string,
    { service, network, links: aliases }: DesiredEndpoint,
  ): Promise<void> {
    const { attachments, services, context: { locks, state } } = this.#options;
    if (state.networks.has(network)) await services.ensure(network);
    await locks.container(id, async (held) => {
      await attachments.attach(held, service!, { aliases });
    });
  }

  async #lookAtName(runtime: string, id: string): Promise<void> {
    const { context, engines, services, store } = this.#options;
    const name = (await engines.get(runtime)!.find(id))?.name;
    if (name !== undefined) await followName({ context, store, services }, { id, name });
  }

  /** Ends the watches. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#abort.abort();
    await Promise.all(this.#watches.values());
    await Promise.all(this.#under);
  }
}

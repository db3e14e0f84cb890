/**
 * Follows what engines tell of containers: one that has ended is reaped, one that was renamed is called
 * so, and one that was started is joined again to what is desired of it.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { dnsName, hostedName, shortId } from "../../../lib/api/names.ts";
import type { EngineEvent, ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import { type AdoptedContainer, ifAdopted, runtimeOf } from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { containerRecords } from "../../model/repository/containers.ts";
import type { DesiredEndpoint } from "../../model/repository/desired.ts";
import type { Containers } from "../containers/containers.ts";
import { type Context, decideAndCommit, log } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Services } from "../services/services.ts";
import type { Foreign } from "./adopted.ts";
import type { Desired } from "./desired.ts";

/** Engines that tell when a container starts. */
const WATCHED = ["docker", "podman"];

/** What {@linkcode Follower} works with. */
export interface FollowerOptions {
  context: Context;
  engines: Pick<Engines, "get">;
  services: Pick<Services, "amend" | "ensure">;
  attachments: Pick<Attachments, "attachHere">;
  containers: Pick<Containers, "settle" | "forget">;
  foreign: Pick<Foreign, "takeIn" | "adopted">;
  desired: Pick<Desired, "followed">;
}

/** Told of an event when the follower has done its part. */
export type Afterwards = (event: EngineEvent) => Promise<void>;

/** One for all engines. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #abort = new AbortController();
  readonly #unsubscribe: () => void;
  /** Watches of engines, by name. */
  readonly #watches = new Map<string, Promise<void>>();
  readonly #afterwards = new Map<string, Afterwards>();
  /** What is under way. */
  readonly #under = new Set<Promise<void>>();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#unsubscribe = options.foreign.adopted.subscribe((runtime) => this.watch(runtime));
  }

  /** Follows an engine, if it tells anything. @param afterwards what else there is to do about its events */
  watch(runtime: string, afterwards?: Afterwards): void {
    if (afterwards) this.#afterwards.set(runtime, afterwards);
    const engine = WATCHED.includes(runtime) ? this.#options.engines.get(runtime) : undefined;
    if (!engine || this.#watches.has(runtime) || this.#abort.signal.aborted) return;
    const watching = engine.watch((event) => this.#heard(runtime, event), this.#abort.signal);
    this.#watches.set(runtime, watching);
  }

  /** Takes up what earlier daemons began: watches, and what happened meanwhile. */
  resume(): void {
    for (const { record } of this.#options.context.state.containers.values()) {
      if (record.kind === "adopted") this.watch(record.runtime);
    }
  }

  #heard(runtime: string, event: EngineEvent): void {
    const { state } = this.#options.context;
    const concerned = event.type === "gap"
      ? [...state.containers.values()].map(({ record }) => record)
        .filter((record) => runtimeOf(record) === runtime).map(({ id }) => id)
      : [event.id];
    const looks = concerned.filter((id) => ifAdopted(state.containers.get(id)?.record))
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

  /** Settles a container that has ended, and attaches one again that was started. */
  async #lookAt(runtime: string, id: string): Promise<void> {
    const { context, containers, engines } = this.#options;
    await containers.settle(id);
    const record = context.state.containers.get(id)?.record;
    if (record?.kind !== "adopted") return;
    if (record.state !== "exited") return await this.#lookAtName(runtime, id);
    const found = await engines.get(runtime)!.find(id);
    if (!found) return void await containers.forget(id); // Its engine has removed it.
    if (found.running) await this.#follow(found, record);
  }

  async #follow(found: ForeignContainer, record: AdoptedContainer): Promise<void> {
    const { foreign, desired } = this.#options;
    await foreign.takeIn(found, record.ports);
    for (const endpoint of desired.followed(found.id)) {
      try {
        await this.#attach(found.id, endpoint);
      } catch (error) {
        log.warn("Cannot attach container {name} again: {cause}", {
          name: record.name ?? shortId(record.id),
          cause: errorChain(error).join(": "),
        });
      }
    }
  }

  async #attach(id: string, { service, network, links }: DesiredEndpoint): Promise<void> {
    const { attachments, services, context: { locks, state } } = this.#options;
    if (state.networks.has(network)) await services.ensure(network);
    await locks.container(
      id,
      async () => void await attachments.attachHere(service!, id, links),
    );
  }

  /** A container and the services that are named after it are called what its engine calls it. */
  async #lookAtName(runtime: string, id: string): Promise<void> {
    const { engines, context: { locks, state } } = this.#options;
    const found = await engines.get(runtime)!.find(id);
    if (found?.name === undefined) return;
    await locks.container(id, async () => {
      const record = state.containers.get(id)?.record;
      if (record?.kind !== "adopted" || record.name === found.name) return;
      for (const { record: service } of state.servicesBackedBy(id)) {
        await this.#renameService(service, { before: record.name ?? "", after: found.name! });
      }
      await decideAndCommit(state.local, () => {
        const stored = state.containers.get(id);
        if (!stored) return { transaction: {}, result: undefined };
        const next = { ...stored.record, name: found.name! };
        return { transaction: containerRecords.replace(stored, next), result: undefined };
      });
    });
  }

  /** One that is only its container's has its name, or one like it where that was another's. */
  async #renameService(
    { id, name, auto, backend }: ServiceRecord,
    { before, after }: { before: string; after: string },
  ): Promise<void> {
    const { services, context: { host } } = this.#options;
    const own = auto === backend!.container &&
      [dnsName(before), hostedName(before, host)].includes(name);
    const names = own ? [dnsName(after), hostedName(after, host), name] : [name];
    for (const next of names) {
      try {
        return await services.amend(id, { name: next, containerName: after });
      } catch (error) {
        if (!(error instanceof NetsvcError) || error.code !== "exists") throw error;
      }
    }
  }

  /** Ends the watches. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#abort.abort();
    await Promise.all(this.#watches.values());
    await Promise.all(this.#under);
  }
}

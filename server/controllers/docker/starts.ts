/**
 * Starts and ends of Docker's containers: publishes and attaches their services as they start, and ends them as
 * they end.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { readFileSync } from "../../../lib/linux/libc.ts";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import { type Inspected, toForeign } from "../../engines/docker/inspected.ts";
import { exposedPorts, publishedPorts } from "../../engines/docker/ports.ts";
import type { AdoptedContainers } from "../adopted/adopted.ts";
import { type Desired, type DesiredNetworks, inOrder } from "../adopted/desired.ts";
import type { EarlyStart, EarlyStarts, Outcome } from "../adopted/early_start.ts";
import type { DesiredEndpoint } from "../../model/repository/desired.ts";
import type { Containers } from "../containers/containers.ts";
import type { Context } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Services } from "../services/services.ts";
import type { DesiredEndpoints } from "./desired_endpoints.ts";
import type { Labels } from "./labels.ts";
import { Restarts } from "./restarts.ts";

const log = getLogger(["netsvc", "docker"]);

/** Attempts at a container that other callers are just settling. */
const TRIES = 50;
/** The pause between them, in milliseconds. */
const PAUSE_MS = 100;

/** Docker starts a container within this time, in milliseconds; after it, the container is attached as it runs. */
const START_MS = 120_000;

/** What {@linkcode Starts} works with. */
export interface StartsOptions {
  context: Context;
  services: Services;
  attachments: Attachments;
  containers: Containers;
  adopted: AdoptedContainers;
  engine: Docker;
  desired: Desired;
  labels: Labels;
  endpoints: DesiredEndpoints;
  early: EarlyStarts;
}

/** Whether the engine started a container, and what it answered. */
export interface Started<T> {
  ok: boolean;
  result: T;
}

/** Starts and ends of containers. */
export class Starts implements Disposable {
  readonly #options: StartsOptions;
  readonly #restarts: Restarts;
  /** Why containers couldn't be started, of those whose last start failed. */
  readonly failures = new Map<string, string>();
  /** Ports that containers expose, as `80/tcp`, published or not. */
  readonly exposed = new Map<string, string[]>();

  constructor(options: StartsOptions) {
    this.#options = options;
    this.#restarts = new Restarts(options.context.state, (inspected, deadline) => {
      const desired = options.desired.networks(inspected.Id);
      if (!desired) return;
      const start = this.#early(inspected, desired, deadline);
      if (start) options.early.expect(start);
    });
  }

  /** Stops expecting containers. */
  [Symbol.dispose](): void {
    this.#restarts[Symbol.dispose]();
  }

  /**
   * Starts a container: its services are published first, so that faults in their names and addresses are found
   * before it runs, and it is attached to them as soon as it has a process.
   *
   * @param start has the engine start it, and returns whether the engine did
   */
  async start<T>(
    inspected: Inspected,
    start: () => Promise<Started<T>>,
  ): Promise<T> {
    const { Id: id, State: { Running: running } } = inspected;
    this.failures.delete(id);
    return await this.#options.context.locks.docker(id, async () => {
      await this.#options.labels.adopt();
      const desired = await this.#options.labels.networks(inspected);
      if (desired && !running) await this.#publish(inspected, desired);
      this.#restarts.forget(id);
      const { ok, result, joined } = await this.#watched(inspected, desired, start);
      if (running || !ok) await this.ended(id);
      if (ok) await this.#startedAs(joined ? inspected : undefined, id);
      return result;
    }).catch((error) => {
      if (!running) this.failures.set(id, errorChain(error)[0]!);
      throw error;
    });
  }

  async #publish(inspected: Inspected, { endpoints }: DesiredNetworks): Promise<void> {
    const { Id: id, Name: name } = inspected;
    const { containers, context } = this.#options;
    try {
      // Side by side: each is of another network, and their commits go together.
      const published = await Promise.allSettled(
        inOrder(endpoints).map((endpoint) =>
          this.#options.endpoints.publish({ id, name }, endpoint)
        ),
      );
      const failure = published.find((result) => result.status === "rejected");
      if (failure) throw failure.reason;
      // Finds a port that is in use before the container runs.
      containers.holder.ports.hold(id, publishedPorts(inspected), () => undefined);
      context.ports.release(id);
    } catch (error) {
      await this.ended(id);
      throw error;
    }
  }

  /**
   * Has the engine start a container, which is attached before its first instruction. Where that fails, it is
   * attached a moment later, when it runs.
   *
   * @returns whether it was attached, too
   */
  async #watched<T>(
    inspected: Inspected,
    desired: DesiredNetworks | undefined,
    start: () => Promise<Started<T>>,
  ): Promise<Started<T> & { joined: boolean }> {
    const { early } = this.#options;
    const { Name: name } = inspected;
    // A restart gives a running container another first process.
    const expected = desired && this.#early(inspected, desired, START_MS);
    // `netsvc run`, which starts containers through this API, may expect one without wishes.
    if (!expected) return { ...await start(), joined: false };
    try {
      early.begin(expected);
    } catch (error) {
      tellLater(name, error);
    }
    const [started, outcome] = await start().then(
      async (started) => [started, await this.#outcome(inspected)] as const,
      async (error) => {
        await this.#outcome(inspected);
        throw error;
      },
    );
    return { ...started, joined: outcome === "joined" };
  }

  /** How the wait for a container ended that was started. Never rejects. */
  #outcome({ Id: id, Name: name }: Inspected): Promise<Outcome | undefined> {
    return this.#options.early.outcome(id, 0).catch((error) => void tellLater(name, error));
  }

  /** How to attach a container before its first instruction; `undefined` when that isn't possible. */
  #early(
    inspected: Inspected,
    { endpoints }: DesiredNetworks,
    deadline: number,
  ): EarlyStart | undefined {
    const { Id: id, Name: name } = inspected;
    const join = async () => {
      for (const endpoint of inOrder(endpoints)) {
        await this.#options.endpoints.attach({ id, name }, endpoint);
      }
    };
    try {
      const found = toForeign("docker", inspected);
      return { found, ports: publishedPorts(inspected), deadline, join };
    } catch (error) {
      tellLater(name, error);
      return undefined;
    }
  }

  /**
   * As {@linkcode started}. The engine isn't asked once more where the container has all its networks by then.
   *
   * @param inspected as it was before its start
   */
  async #startedAs(inspected: Inspected | undefined, id: string): Promise<void> {
    if (!inspected || this.#missing(id).length > 0) return await this.started(id);
    await this.#settle(inspected);
  }

  /** Puts a running container on all its networks, unless it is on them. The caller holds its lock. */
  async started(id: string): Promise<void> {
    const inspected = await this.#options.engine.inspect(id);
    if (!inspected?.State.Running) return await this.ended(id);
    await this.#settle(inspected);
  }

  /** Endpoints that are desired of a container and that it doesn't have, in their order. */
  #missing(id: string): DesiredEndpoint[] {
    const { desired, endpoints } = this.#options;
    return inOrder(desired.networks(id)?.endpoints ?? [])
      .filter((endpoint) => !endpoints.backed(id, endpoint));
  }

  async #settle(inspected: Inspected): Promise<void> {
    const { adopted, desired, endpoints } = this.#options;
    const { Id: id } = inspected;
    this.exposed.set(id, exposedPorts(inspected));
    if (desired.networks(id)) this.#restarts.runs(inspected);
    const missing = this.#missing(id);
    try {
      if (missing.length > 0) await (await this.adopt(inspected))();
      for (const endpoint of missing) {
        await endpoints.attach({ id, name: inspected.Name }, endpoint);
      }
      await this.#mendIpv6(id);
    } catch (error) {
      await adopted.release.ifIdle(id);
      // It may have ended meanwhile, which is no fault of its networks.
      if (await this.#lives(id)) throw error;
      await this.ended(id);
    }
  }

  /** Adopts a running container, with its ports; returns what serves names inside. */
  async adopt(inspected: Inspected): Promise<() => Promise<void>> {
    const { adopted, desired } = this.#options;
    for (let i = 1;; i++) {
      try {
        const found = toForeign("docker", inspected);
        const own = desired.networks(inspected.Id) !== undefined;
        return await adopted.adopter.adoptBare(found, {
          ports: own ? publishedPorts(inspected) : [],
        });
      } catch (error) {
        const early = error instanceof NetsvcError && error.code === "conflict" && i < TRIES;
        if (!early) throw error;
        await this.ended(inspected.Id);
        await sleep(PAUSE_MS);
      }
    }
  }

  /**
   * Engines before version 28 disable IPv6 in the namespaces of containers that are on none of their own networks
   * with IPv6, just before the first instruction, which removes the addresses that were there.
   */
  async #mendIpv6(id: string): Promise<void> {
    const { attachments, context } = this.#options;
    for (const { record } of context.state.servicesBackedBy(id)) {
      if (!record.addresses.some((address) => address.includes(":"))) continue;
      const path = `/proc/sys/net/ipv6/conf/${record.backend!.interface}/disable_ipv6`;
      const off = inNamespace(context.namespaces.path(id), () => readFileSync(path).trim() === "1");
      if (off) await attachments.mend(record.id);
    }
  }

  /** Whether a container runs; the engine learns later than others that its process is gone. */
  async #lives(id: string): Promise<boolean> {
    for (let i = 0; i < TRIES; i++) {
      const inspected = await this.#options.engine.inspect(id);
      if (!inspected?.State.Running) return false;
      if (toForeign("docker", inspected).running) return true;
      await sleep(PAUSE_MS);
    }
    return true;
  }

  /** Takes a container that has ended off its networks; does nothing to a living one. */
  async ended(id: string): Promise<void> {
    const { adopted, services, context: { state } } = this.#options;
    await adopted.reaper.reap(id);
    if (state.containers.has(id)) return;
    // Services that were published before a start that failed.
    const left = [...state.services.values()].map(({ record }) => record)
      .filter(({ auto, backend }) => auto === id && !backend);
    for (const { id: service } of left) {
      // The release of a container ends its own services.
      if (state.services.has(service)) await services.unpublish(service);
    }
  }

  /** Forgets a container that has been removed. */
  async removed(id: string): Promise<void> {
    this.#restarts.forget(id);
    this.#options.early.cancel(id);
    await this.ended(id);
    this.failures.delete(id);
    this.exposed.delete(id);
    await this.#options.desired.forget(id);
  }
}

function tellLater(name: string, error: unknown): void {
  log.debug("Container {name} is attached later: {cause}", {
    name,
    cause: errorChain(error).join(": "),
  });
}

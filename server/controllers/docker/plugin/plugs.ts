/**
 * Attaches Docker's containers. Docker joins an endpoint before the container's namespace exists, and runs the
 * container's process a good moment after that: in between, and in the background, netsvc attaches the container
 * itself, as it does with any engine's container.
 *
 * @module
 */
import { backoff } from "../../../../lib/async/backoff.ts";
import { atMost } from "../../../../lib/async/deadline.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import { type Context, log } from "../../context.ts";
import type { AdoptedContainers } from "../../adopted/adopted.ts";
import { namespaceNumber } from "../../../../lib/linux/namespaces/namespace_identity.ts";
import type { Sandboxes } from "../../../sandbox/sandboxes.ts";
import { errorChain } from "../../../../lib/api/errors.ts";
import type { EndpointBinding } from "../../../model/repository/docker.ts";
import type { Docker, DockerContainer } from "../../../engines/docker/docker.ts";
import { type DockerEndpoints, endpointKey } from "./endpoints.ts";

/** How long Docker is asked for an endpoint's container while Docker waits for netsvc's answer, in ms. */
const ASK_MS = 500;
/** How long a join waits until its sandbox, if that exists, is attached; in ms. */
const HOLD_MS = 5_000;
/** Docker reports a container when it has started it; netsvc stops trying after this, in ms. */
const STARTED_MS = 120_000;
/** Pause between two looks for a namespace at first, in ms. */
const LOOK_MS = 3;
/** The same later on, in ms. */
const LOOK_LATER_MS = 100;
/** From when on the looks are less frequent, in ms. */
const LATER_MS = 10_000;
/** Longest pause between attempts, in ms. */
const MAX_PAUSE_MS = 2_000;
/** Prefix of the links inside: Docker, which numbers its own, never chooses it. */
const LINK_PREFIX = "netsvc";
/** Where Docker's own resolver listens in containers on such networks. */
const DOCKER_RESOLVER = "127.0.0.11";
const NETSVC_RESOLVER = "127.0.0.12";

/** What {@linkcode Plugs} works with. */
export interface PlugsOptions {
  context: Context;
  adopted: AdoptedContainers;
  sandboxes: Sandboxes;
  endpoints: DockerEndpoints;
  docker: Docker;
}

interface Task {
  abort: AbortController;
  /** Settles when the container is attached, or netsvc stops trying. */
  plugged: Promise<void>;
  done: Promise<void>;
}

/** Endpoints that are being attached. */
export class Plugs {
  readonly #options: PlugsOptions;
  readonly #tasks = new Map<string, Task>();

  constructor(options: PlugsOptions) {
    this.#options = options;
  }

  /** Whether an attempt for an endpoint is under way. */
  has(binding: EndpointBinding): boolean {
    return this.#tasks.has(endpointKey(binding));
  }

  /** Begins to attach an endpoint, and waits for it if its namespace exists already. */
  async join(binding: EndpointBinding): Promise<void> {
    const { docker } = this.#options;
    const there = docker.paths(binding.sandbox!).some((path) => namespaceNumber(path));
    const known = await this.#ask(binding);
    const { plugged } = this.begin(binding, known);
    if (there) await atMost(plugged, HOLD_MS);
  }

  /** The endpoint's container, if Docker names it at once: then the service has its name before it is seen. */
  async #ask(binding: EndpointBinding): Promise<DockerContainer | undefined> {
    const { docker, endpoints } = this.#options;
    try {
      const endpoint = { network: binding.dockerNetwork!, endpoint: binding.endpoint! };
      const container = await docker.containerOf(endpoint, { deadline: ASK_MS });
      if (container) await endpoints.name(binding, container);
      return container;
    } catch (error) {
      log.debug("Docker doesn't say yet whose an endpoint is: {cause}", {
        cause: errorChain(error).join(": "),
      });
      return undefined;
    }
  }

  /** Attaches in the background, until that succeeds or {@linkcode stop} is called. */
  begin(binding: EndpointBinding, known?: DockerContainer): Task {
    const key = endpointKey(binding);
    this.#tasks.get(key)?.abort.abort();
    const abort = new AbortController();
    const plugged = Promise.withResolvers<void>();
    const done = this.#untilDone(binding, known, abort.signal, plugged.resolve).finally(() => {
      plugged.resolve();
      if (this.#tasks.get(key)?.abort === abort) this.#tasks.delete(key);
    });
    const task = { abort, plugged: plugged.promise, done };
    this.#tasks.set(key, task);
    return task;
  }

  /** Ends the attempts for an endpoint. */
  async stop(binding: EndpointBinding): Promise<void> {
    const task = this.#tasks.get(endpointKey(binding));
    task?.abort.abort();
    await task?.done;
  }

  async #untilDone(
    binding: EndpointBinding,
    known: DockerContainer | undefined,
    signal: AbortSignal,
    plugged: () => void,
  ): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        if (await this.#plug(binding, known, signal)) {
          plugged();
          return await this.#complete(binding, signal);
        }
      } catch (error) {
        const level = failures === 3 ? "warn" : "debug";
        log[level]("Cannot plug in an endpoint of Docker's yet: {cause}", {
          cause: errorChain(error).join(": "),
        });
      }
      await sleep(backoff(failures, { longest: MAX_PAUSE_MS }), signal);
    }
  }

  async #plug(
    binding: EndpointBinding,
    known: DockerContainer | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { context, docker, endpoints, adopted } = this.#options;
    const endpoint = { network: binding.dockerNetwork!, endpoint: binding.endpoint! };
    const container = known ?? await docker.containerOf(endpoint, { deadline: STARTED_MS, signal });
    if (!container) return false;
    if (!known) await endpoints.name(binding, container);
    const namespace = await this.#namespace(docker.paths(binding.sandbox!), signal);
    if (namespace === undefined) return false;
    return await context.locks.dockerEndpoint(binding, async () => {
      // The service was unpublished, or its container has ended: the endpoint isn't wanted back.
      if (signal.aborted || !endpoints.service(binding)) return true;
      const begun = performance.now();
      await adopted.adopter.adopt({ ...container, runtime: "docker", running: { namespace } }, {
        given: {
          prefix: LINK_PREFIX,
          // Docker does the default route and the published ports.
          hasRoute: true,
          resolver: NETSVC_RESOLVER,
          upstreams: [DOCKER_RESOLVER],
        },
      });
      try {
        await endpoints.plug(binding, container.id);
      } catch (error) {
        // The container's own service would end with its release.
        if (!endpoints.service(binding)) await adopted.release.ifIdle(container.id);
        throw error;
      }
      log.debug("Plugged in {name} of Docker's, {ms} ms after its namespace was seen", {
        name: container.name,
        ms: Math.round(performance.now() - begun),
      });
      return true;
    });
  }

  /** Waits for a sandbox's namespace; `undefined` when the signal aborts. */
  async #namespace(paths: string[], signal: AbortSignal): Promise<string | undefined> {
    const begun = performance.now();
    while (!signal.aborted) {
      const path = paths.find((path) => namespaceNumber(path) !== undefined);
      if (path !== undefined) return path;
      const late = performance.now() - begun > LATER_MS;
      await sleep(late ? LOOK_LATER_MS : LOOK_MS, signal);
    }
    return undefined;
  }

  /** Completes what can be known or written only after Docker has set up the container. */
  async #complete(binding: EndpointBinding, signal: AbortSignal): Promise<void> {
    const { context, docker, endpoints, adopted, sandboxes } = this.#options;
    const id = endpoints.service(binding)?.backend?.container;
    if (id === undefined) return;
    const settled = (async () => {
      for (let i = 0; !signal.aborted; i++) {
        const record = context.state.containers.get(id)?.record;
        if (record?.kind !== "adopted" || await sandboxes.adoptedFiles.retake(record)) break;
        await sleep(i < 1000 ? LOOK_MS : LOOK_LATER_MS, signal);
      }
      // Docker writes the last of a sandbox's files after it has set the sandbox up.
      await endpoints.mend(binding);
    })();
    settled.catch(() => {}); // Awaited below; without this an early rejection counts as unhandled.
    const started = await docker.started(id, { deadline: STARTED_MS, signal });
    if (started && !signal.aborted) {
      await adopted.adopter.complete(started.container);
      const words = started.aliases.get(binding.endpoint!) ?? [];
      const { name = id } = started.container;
      if (!signal.aborted) await endpoints.name(binding, { id, name }, words);
    }
    await settled;
  }

  /** Ends all attempts. */
  async close(): Promise<void> {
    const tasks = [...this.#tasks.values()];
    for (const { abort } of tasks) abort.abort();
    await Promise.all(tasks.map(({ done }) => done));
  }
}

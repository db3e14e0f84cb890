/**
 * `/events`: the engine's events of containers and images, and netsvc's of networks.
 *
 * @module
 */
import type { Context as HonoContext } from "@hono/hono";
import type { NetworkRecord } from "../../../model/records.ts";
import type { State } from "../../../model/state.ts";
import type { NetsvcEvent } from "../../../../lib/api/types.ts";
import type { DockerApp, DockerContext } from "../context.ts";
import { type Filters, parseFilters, parseMoment } from "../filters.ts";
import { forward } from "../forward/forward.ts";
import { changeLines } from "./lines.ts";
import {
  type EventNetwork,
  fitsEvent,
  isEngineNetworkEvent,
  toDockerEvent,
} from "./network_events.ts";
import { dockerName } from "../../../controllers/docker/names.ts";

/** Number of chunks that a slow listener may lag behind before it is cut off. */
const MAX_BEHIND = 4096;
/** Number of removed networks that are remembered. */
const MAX_GONE = 256;

export function eventRoutes(app: DockerApp, docker: DockerContext): void {
  const networks = new EventNetworks(docker.context.state);
  app.get("/events", (c) => streamEvents(c, docker, networks));
}

/** The networks of events, removed ones included: clients still ask for events on those. */
class EventNetworks {
  readonly #state: State;
  /** Removed networks, by id and by netsvc's name. */
  readonly #gone = new Map<string, EventNetwork>();

  constructor(state: State) {
    this.#state = state;
    state.subscribe((changes) => {
      for (const change of changes) {
        if (change.type !== "network" || change.after || !change.before) continue;
        this.#keep(change.before as NetworkRecord);
      }
    });
  }

  #keep(network: NetworkRecord): void {
    const known = { ...network, name: dockerName(network) };
    this.#gone.set(network.id, known).set(network.name, known);
    for (const key of [...this.#gone.keys()].slice(0, -2 * MAX_GONE)) this.#gone.delete(key);
  }

  find(reference: string): EventNetwork | undefined {
    const { networks } = this.#state;
    const network = (networks.get(reference) ?? this.#state.networkByName(reference))?.record;
    return network ? { ...network, name: dockerName(network) } : this.#gone.get(reference);
  }
}

async function streamEvents(
  c: HonoContext,
  { engine, events }: DockerContext,
  networks: EventNetworks,
): Promise<Response> {
  const filters = parseFilters(c.req.query("filters"));
  const { since, until } = c.req.query();
  const now = Date.now();
  const ended = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, ended.signal]);
  const own = events.stream(signal, since ? parseMoment("since", since, now) : undefined)
    .pipeThrough(told(filters, networks));
  if (!await engine.client.isThere()) {
    if (until) {
      const timer = setTimeout(() => ended.abort(), parseMoment("until", until, now) - now);
      signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    }
    return answer(own);
  }
  try {
    const theirs = await forward(engine, c.req.raw);
    if (theirs.status !== 200 || !theirs.body) {
      ended.abort();
      return theirs;
    }
    const lines = changeLines(
      theirs.body,
      (line) => isEngineNetworkEvent(line) ? undefined : line,
    );
    return answer(together(lines, own, ended), theirs.headers);
  } catch (error) {
    ended.abort();
    throw error;
  }
}

/** Converts netsvc's events into lines of Docker's. */
function told(
  filters: Filters,
  networks: EventNetworks,
): TransformStream<NetsvcEvent, Uint8Array> {
  const encoder = new TextEncoder();
  return new TransformStream({
    transform(event, controller) {
      const docker = toDockerEvent(event, (reference) => networks.find(reference));
      if (!docker || !fitsEvent(docker, filters, event.attributes.containerName)) return;
      controller.enqueue(encoder.encode(`${JSON.stringify(docker)}\n`));
    },
  });
}

function answer(body: ReadableStream<Uint8Array>, headers?: Headers): Response {
  return new Response(body, {
    headers: { ...Object.fromEntries(headers ?? []), "content-type": "application/json" },
  });
}

/** Merges two bodies, chunk by chunk; the merged body ends with the first one. */
function together(
  first: ReadableStream<Uint8Array>,
  second: ReadableStream<Uint8Array>,
  ended: AbortController,
): ReadableStream<Uint8Array> {
  const readers = [first.getReader(), second.getReader()];
  return new ReadableStream({
    async start(controller) {
      const [one, other] = readers.map(async (reader) => {
        for (let next; !(next = await reader.read()).done;) {
          if ((controller.desiredSize ?? 0) <= 0) throw new Error("The listener is too slow");
          controller.enqueue(next.value);
        }
      });
      other!.catch(() => {}); // Awaited below; without this an earlier rejection would count as unhandled.
      try {
        await one;
        // netsvc's events end with the engine's, after those that are already in the stream.
        ended.abort();
        await other;
        controller.close();
      } catch (error) {
        controller.error(error);
        await readers[0]!.cancel();
      } finally {
        ended.abort();
      }
    },
    async cancel() {
      ended.abort();
      await Promise.allSettled(readers.map((reader) => reader.cancel()));
    },
  }, { highWaterMark: MAX_BEHIND });
}

/**
 * Turns changes of the state into events of the API.
 *
 * @module
 */
import type { ContainerRecord } from "../model/container.ts";
import type { BackendRecord, NetworkRecord, ServiceRecord } from "../model/records.ts";
import type { State, StateChange } from "../model/state.ts";
import type { NetsvcEvent } from "../../lib/api/types.ts";

/** Number of events that a slow listener may lag behind before it is cut off. */
const MAX_BEHIND = 1024;
/** Number of past events that are kept for listeners that ask with `since`. */
const MAX_PAST = 1024;

type Describe = { action: NetsvcEvent["action"]; name: string; attributes: Record<string, string> };

function describeNetwork(change: StateChange): Describe[] {
  const [before, after] = [change.before, change.after] as (NetworkRecord | undefined)[];
  const network = (after ?? before)!;
  if (before && after) return [];
  return [{
    action: after ? "create" : "remove",
    name: network.name,
    attributes: { driver: network.driver },
  }];
}

function describeService(state: State, change: StateChange): Describe[] {
  const [before, after] = [change.before, change.after] as (ServiceRecord | undefined)[];
  const service = (after ?? before)!;
  if (service.leg) return [];
  const network = state.networks.get(service.network)?.record.name ?? service.network;
  const of = (action: Describe["action"], backend?: BackendRecord): Describe => ({
    action,
    name: service.name,
    attributes: {
      network,
      ...backend && { container: backend.container },
      ...backend?.containerName !== undefined && { containerName: backend.containerName },
    },
  });
  const events: Describe[] = [];
  const isWhole = service.of === undefined;
  if (!before && isWhole) events.push(of("publish"));
  if (before?.backend && before.backend.container !== after?.backend?.container) {
    events.push(of("detach", before.backend));
  }
  if (after?.backend && before?.backend?.container !== after.backend.container) {
    events.push(of("attach", after.backend));
  }
  if (before && after && termsOf(before) !== termsOf(after)) {
    const { attributes, ...update } = of("update", after.backend);
    const { mode, weight = 1, draining } = after;
    const terms: Record<string, string> = isWhole
      ? { mode }
      : { weight: `${weight}`, state: draining === undefined ? "active" : "draining" };
    events.push({ ...update, attributes: { ...attributes, ...terms } });
  }
  if (!after && isWhole) events.push(of("unpublish"));
  return events;
}

/** What `service update` changes, as text to compare. */
function termsOf({ mode, weight = 1, draining }: ServiceRecord): string {
  return `${mode} ${weight} ${draining !== undefined}`;
}

function describeContainer(change: StateChange): Describe[] {
  const [before, after] = [change.before, change.after] as (ContainerRecord | undefined)[];
  const container = (after ?? before)!;
  const of = (action: Describe["action"], attributes: Record<string, string> = {}): Describe => ({
    action,
    name: container.name ?? "",
    attributes,
  });
  const events: Describe[] = [];
  if (!before) events.push(of("create"));
  if (after?.state === "running" && before?.state !== "running") events.push(of("start"));
  if (after?.state === "exited" && before?.state !== "exited") {
    const code = after.kind === "own" ? after.exitCode : undefined;
    events.push(of("die", code === undefined ? {} : { exitCode: `${code}` }));
  }
  if (!after) events.push(of("remove"));
  return events;
}

/** Turns one change into events. */
function toEvents(state: State, change: StateChange, time: string): NetsvcEvent[] {
  const { type } = change;
  if (type === "member") return [];
  const described = change.type === "network"
    ? describeNetwork(change)
    : change.type === "service"
    ? describeService(state, change)
    : describeContainer(change);
  const { of } = (change.after ?? change.before) as { of?: string };
  return described.map((event) => ({ type, id: of ?? change.id, time, ...event }));
}

/** The most recent events since the daemon started, and the stream of new ones. */
export class EventLog {
  readonly #past: NetsvcEvent[] = [];
  readonly #listeners = new Set<(events: NetsvcEvent[]) => void>();

  constructor(state: State) {
    // Never unsubscribed: the log lives as long as the state, which is the daemon's lifetime.
    state.subscribe((changes, origin) => {
      // Loading or dropping a network that the daemon follows changes nothing about the network.
      if (origin === "load" || origin === "drop") return;
      const time = new Date().toISOString();
      const events = changes.flatMap((change) => toEvents(state, change, time));
      this.#past.push(...events);
      this.#past.splice(0, this.#past.length - MAX_PAST);
      for (const listen of [...this.#listeners]) listen(events);
    });
  }

  /**
   * All events from now on, until `signal` aborts; ends for a listener that falls 1,024 events behind.
   *
   * @param since includes past events from this time on, in milliseconds since 1970
   */
  stream(signal: AbortSignal, since = Infinity): ReadableStream<NetsvcEvent> {
    const listeners = this.#listeners;
    const past = this.#past.filter(({ time }) => Date.parse(time) >= since);
    let listen: (events: NetsvcEvent[]) => void;
    return new ReadableStream<NetsvcEvent>({
      start(controller) {
        const close = () => {
          if (listeners.delete(listen)) controller.close();
        };
        listen = (events) => {
          for (const event of events) controller.enqueue(event);
          if ((controller.desiredSize ?? 0) <= 0) close();
        };
        for (const event of past) controller.enqueue(event);
        listeners.add(listen);
        signal.addEventListener("abort", close, { once: true });
      },
      cancel: () => void listeners.delete(listen),
    }, { highWaterMark: past.length + MAX_BEHIND });
  }
}

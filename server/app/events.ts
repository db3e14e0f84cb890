/**
 * What happens, as events, from the changes of the state.
 *
 * @module
 */
import type { ContainerRecord, NetworkRecord, ServiceRecord } from "../state/records.ts";
import type { State, StateChange } from "../state/state.ts";
import type { NetsvcEvent } from "../wire/types.ts";

/** Events that a slow listener may be behind before it is cut off. */
const MAX_BEHIND = 1024;

type Describe = { action: string; name: string; attributes: Record<string, string> };

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
  const of = (action: string, container?: string): Describe => ({
    action,
    name: service.name,
    attributes: { network, ...container !== undefined && { container } },
  });
  const events: Describe[] = [];
  if (!before) events.push(of("publish"));
  if (before?.backend && before.backend.container !== after?.backend?.container) {
    events.push(of("detach", before.backend.container));
  }
  if (after?.backend && before?.backend?.container !== after.backend.container) {
    events.push(of("attach", after.backend.container));
  }
  if (!after) events.push(of("unpublish"));
  return events;
}

function describeContainer(change: StateChange): Describe[] {
  const [before, after] = [change.before, change.after] as (ContainerRecord | undefined)[];
  const container = (after ?? before)!;
  const of = (action: string, attributes: Record<string, string> = {}): Describe => ({
    action,
    name: container.name ?? "",
    attributes,
  });
  const events: Describe[] = [];
  if (!before) events.push(of("create"));
  if (after?.state === "running" && before?.state !== "running") events.push(of("start"));
  if (after?.state === "exited" && before?.state !== "exited") {
    events.push(of("die", after.exitCode === undefined ? {} : { exitCode: `${after.exitCode}` }));
  }
  if (!after) events.push(of("remove"));
  return events;
}

/** Turns one change into events. */
export function toEvents(state: State, change: StateChange, time: string): NetsvcEvent[] {
  const { type } = change;
  if (type === "member") return [];
  const described = change.type === "network"
    ? describeNetwork(change)
    : change.type === "service"
    ? describeService(state, change)
    : describeContainer(change);
  return described.map((event) => ({ type, id: change.id, time, ...event }));
}

/** All events from now on, until `signal`; ends for a listener that falls 1,024 behind. */
export function eventStream(state: State, signal: AbortSignal): ReadableStream<NetsvcEvent> {
  let unsubscribe = () => {};
  return new ReadableStream<NetsvcEvent>({
    start(controller) {
      let open = true;
      const close = () => {
        unsubscribe();
        if (open) controller.close();
        open = false;
      };
      unsubscribe = state.subscribe((changes, origin) => {
        // That the daemon begins or ends to follow a network is no news.
        if (origin === "load" || origin === "drop") return;
        const time = new Date().toISOString();
        for (const change of changes) {
          for (const event of toEvents(state, change, time)) if (open) controller.enqueue(event);
        }
        if (open && (controller.desiredSize ?? 0) <= 0) close();
      });
      signal.addEventListener("abort", close, { once: true });
    },
    cancel: () => unsubscribe(),
  }, { highWaterMark: MAX_BEHIND });
}

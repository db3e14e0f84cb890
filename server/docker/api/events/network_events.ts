/**
 * Converts events of netsvc's networks to Docker's form, and filters them for clients. Pure.
 *
 * @module
 */
import type { NetsvcEvent } from "../../../../lib/api/types.ts";

/** An event as Docker's clients read it. */
export interface DockerEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: string;
  time: number;
  timeNano: number;
}

/** A network that an event is about. */
export interface EventNetwork {
  id: string;
  name: string;
  driver: string;
  scope: string;
}

const ACTIONS: Record<string, string> = {
  "network.create": "create",
  "network.remove": "destroy",
  "service.attach": "connect",
  "service.detach": "disconnect",
};

/**
 * Docker's form of an event; `undefined` if Docker has no such event.
 *
 * @param find looks up a network by name or id, `undefined` if it doesn't exist (any more)
 */
export function toDockerEvent(
  { type, action, id, name, time, attributes }: NetsvcEvent,
  find: (reference: string) => EventNetwork | undefined,
): DockerEvent | undefined {
  const Action = ACTIONS[`${type}.${action}`];
  if (Action === undefined) return undefined;
  const network = type === "network"
    ? find(id) ?? { id, name, driver: attributes.driver ?? "", scope: "local" }
    : find(attributes.network ?? "");
  if (!network) return undefined;
  const at = Date.parse(time);
  return {
    Type: "network",
    Action,
    Actor: {
      ID: network.id,
      Attributes: {
        ...type === "service" && { container: attributes.container ?? "" },
        name: network.name,
        type: network.driver,
      },
    },
    scope: network.scope,
    time: Math.floor(at / 1000),
    timeNano: at * 1_000_000,
  };
}

/** Filters that don't concern networks. */
const OTHERS = [
  "image",
  "plugin",
  "volume",
  "daemon",
  "node",
  "service",
  "secret",
  "config",
  "label",
];

/**
 * Whether an event passes a client's filters: one value of each filter must match.
 *
 * @param containerName name of the event's container, if any
 */
export function fitsEvent(
  { Type, Action, Actor, scope }: DockerEvent,
  filters: ReadonlyMap<string, string[]>,
  containerName?: string,
): boolean {
  if (OTHERS.some((name) => filters.has(name))) return false;
  const any = (name: string, fits: (value: string) => boolean) =>
    filters.get(name)?.some(fits) ?? true;
  const { container = "", name } = Actor.Attributes;
  return any("type", (value) => value === Type) &&
    any("event", (value) => value === Action) &&
    any("scope", (value) => value === scope) &&
    any("network", (value) => value === name || (value !== "" && Actor.ID.startsWith(value))) &&
    any(
      "container",
      (value) => value !== "" && (value === containerName || container.startsWith(value)),
    );
}

/** Whether a line of the engine's is about networks, whose events netsvc emits itself. */
export function isEngineNetworkEvent(line: string): boolean {
  try {
    return (JSON.parse(line) as { Type?: unknown }).Type === "network";
  } catch {
    return false;
  }
}

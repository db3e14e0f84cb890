/**
 * Events of netsvc's networks as Docker tells of networks, and which of them a client asked for. Pure.
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
 * Docker's event, where Docker has one.
 *
 * @param find the network of a name or id, if there is one (still)
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

/** Filters that are about something else than networks. */
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
 * Whether a client's filters let an event through: of each one value must fit.
 *
 * @param containerName of the container that it is about, if any
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

/** Whether a line of the engine's is about networks, of which netsvc tells. */
export function isEngineNetworkEvent(line: string): boolean {
  try {
    return (JSON.parse(line) as { Type?: unknown }).Type === "network";
  } catch {
    return false;
  }
}

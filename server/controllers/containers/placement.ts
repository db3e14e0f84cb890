/**
 * Where a container goes: which sandbox it has, and which services it is to back. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkName, shortId, splitServiceReference } from "../../../lib/api/names.ts";
import type { CreateContainer } from "../../../lib/api/types.ts";
import { ownsSandbox } from "../../model/container.ts";
import type { State } from "../../model/state.ts";
import { findContainer, findNetwork } from "../lookup.ts";
import { containerLabel } from "../labels.ts";

/** A service by its name, on a network by its id. */
export interface NamedService {
  name: string;
  network: string;
}

/** What a container is to be attached to, decided before it is made. */
export interface Placement {
  /** As a record's `networkMode`. */
  mode: string;
  /** Network of a service of the container's own name. */
  own?: string;
  /** Services to attach, published where they don't exist. */
  published: NamedService[];
}

/** What a placement depends on. */
export interface Known {
  state: State;
  defaultNetwork: string;
}

/**
 * Decides where a container goes.
 *
 * @throws {NetsvcError} `invalid` where a request contradicts itself, `not_found`
 */
export function placementOf(known: Known, request: CreateContainer): Placement {
  const { state, defaultNetwork } = known;
  const published = (request.publishServices ?? []).map((reference) => {
    const { service, network } = splitServiceReference(reference);
    checkName("service", service);
    return { name: service, network: findNetwork(state, network ?? defaultNetwork).record.id };
  });
  const toDefault = (request.process ?? request.foreign) !== undefined && published.length === 0;
  const wanted = request.network ?? (toDefault ? defaultNetwork : undefined);
  const placement: Placement = wanted === undefined
    ? { mode: published.length > 0 ? "networks" : "none", published }
    : { ...sandboxOn(state, wanted), published };
  checkMode(request, placement);
  return placement;
}

/** The sandbox that `--net` means. */
function sandboxOn(state: State, wanted: string): Pick<Placement, "mode" | "own"> {
  if (wanted.startsWith("container:")) {
    const other = findContainer(state, wanted.slice("container:".length)).record;
    if (ownsSandbox(other) && other.state !== "exited") return { mode: `container:${other.id}` };
    throw new NetsvcError(
      "invalid",
      `Cannot share the sandbox of container "${containerLabel(other)}": it has none`,
    );
  }
  const { driver, id } = findNetwork(state, wanted).record;
  if (driver === "host") return { mode: "host" };
  return driver === "null" ? { mode: "none" } : { mode: "networks", own: id };
}

/** Refuses options that only a container on networks can have. */
function checkMode(request: CreateContainer, { mode, published }: Placement): void {
  if (mode === "networks") return;
  if (request.foreign !== undefined) {
    throw new NetsvcError(
      "invalid",
      `Cannot put a container of another runtime on --net "${request.network}"; give it to its ` +
        `own runtime, or name a network of netsvc's`,
    );
  }
  if (published.length > 0) {
    throw new NetsvcError(
      "invalid",
      `Cannot publish a service from a container with --net "${request.network}"; ` +
        `leave one of the two out`,
    );
  }
  if ((request.ports ?? []).length === 0) return;
  throw new NetsvcError(
    "invalid",
    `Cannot publish ports of a container ` +
      (request.network ? `with --net "${request.network}"` : "that is on no network") +
      `; give it a network with --net`,
  );
}

/** The services that a container is to back, each once: its own first. */
export function wantedServices(
  { own, published }: Placement,
  container: { id: string; name?: string },
): (NamedService & { auto: boolean })[] {
  const wanted = [
    ...own === undefined ? [] : [{ name: ownName(container), network: own, auto: true }],
    ...published.map((service) => ({ ...service, auto: false })),
  ];
  const first = new Map(wanted.toReversed().map((one) => [`${one.network}/${one.name}`, one]));
  return wanted.filter((one) => first.get(`${one.network}/${one.name}`) === one);
}

/** Name of a container's own service on a network: its name, else its short id. */
function ownName({ name, id }: { id: string; name?: string }): string {
  return name ?? shortId(id);
}

/** References of the networks in a request. */
export function networksOf(
  { network, publishServices = [] }: CreateContainer,
  defaultNetwork: string,
): (string | undefined)[] {
  return [
    network?.startsWith("container:") ? undefined : network ?? defaultNetwork,
    ...publishServices.map((service) => splitServiceReference(service).network),
  ];
}

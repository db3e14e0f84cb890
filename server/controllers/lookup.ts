/**
 * Finds the object that a user means by a name, an id, or the unique prefix of an id.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { didYouMean } from "../../lib/api/suggest.ts";
import { isIdPrefix, shortId, splitServiceReference } from "../../lib/api/names.ts";
import type { State, Stored, StoredService } from "../model/state.ts";
import { type ContainerRecord, runtimeOf } from "../model/container.ts";
import type { NetworkRecord } from "../model/records.ts";

/** Most candidates that an error about an ambiguous prefix lists. */
const MAX_CANDIDATES = 10;
/** Most names that are searched for a likely misspelling. */
const MAX_LIKELY = 1_000;
/** Fewest digits that stand for an id: a user who removes "db" doesn't mean an id that begins so. */
const MIN_PREFIX = 4;

interface Named {
  id: string;
  name?: string;
}

/** Full id, then exact name, then unique id prefix: the order in which Docker looks. */
function find<S extends Stored<Named>>(
  what: string,
  reference: string,
  all: Iterable<S>,
  byName: S | undefined,
  display: (record: S["record"]) => string,
): S | undefined {
  if (!isIdPrefix(reference)) return byName;
  const matches: S[] = [];
  for (const stored of all) {
    if (stored.record.id === reference) return stored;
    if (stored.record.id.startsWith(reference)) matches.push(stored);
  }
  if (byName) return byName;
  if (matches.length > 1) {
    const list = matches.slice(0, MAX_CANDIDATES)
      .map(({ record }) => `${shortId(record.id)} (${display(record)})`).join(", ");
    const more = matches.length > MAX_CANDIDATES
      ? ` and ${matches.length - MAX_CANDIDATES} more`
      : "";
    throw new NetsvcError(
      "ambiguous",
      `The id prefix "${reference}" fits ${matches.length} ${what}s: ${list}${more}; ` +
        `give more digits or the name`,
    );
  }
  if (matches[0] && reference.length < MIN_PREFIX) {
    // A letter or two are more likely a name that doesn't exist than the beginning of an id.
    throw new NetsvcError(
      "not_found",
      `No such ${what}: ${JSON.stringify(reference)}; of an id give at least ${MIN_PREFIX} digits`,
    );
  }
  return matches[0];
}

function* map<T, U>(items: Iterable<T>, of: (item: T) => U): Generator<U> {
  for (const item of items) yield of(item);
}

/** `; did you mean "front"?`, or how to list the names. */
function hint(what: string, reference: string, names: Iterable<string>): string {
  const known: string[] = [];
  for (const name of names) if (known.push(name) >= MAX_LIKELY) break;
  return didYouMean(reference, known) || `; "netsvc ${what} ls" lists them`;
}

/** An object by name, id or unique id prefix; `undefined` when there is none. @throws `ambiguous` */
export function findNamed<T extends { id: string; name: string }>(
  reference: string,
  { what, all }: { what: string; all: T[] },
): T | undefined {
  const stored = all.map((record) => ({ record, revision: "" }));
  const named = stored.find(({ record }) => record.name === reference);
  return find(what, reference, stored, named, ({ name }) => name)?.record;
}

function lookUpNetwork(state: State, reference: string): Stored<NetworkRecord> | undefined {
  return find(
    "network",
    reference,
    state.networks.values(),
    state.networkByName(reference),
    (n) => n.name,
  );
}

/** A network by reference; `undefined` when none, or more than one, matches. */
export function tryFindNetwork(state: State, reference: string): Stored<NetworkRecord> | undefined {
  try {
    return lookUpNetwork(state, reference);
  } catch {
    return undefined;
  }
}

/** A network by name, id or unique id prefix. @throws {NetsvcError} `not_found`, `ambiguous` */
export function findNetwork(state: State, reference: string): Stored<NetworkRecord> {
  const found = lookUpNetwork(state, reference);
  if (found) return found;
  throw new NetsvcError(
    "not_found",
    `No such network: ${JSON.stringify(reference)}` +
      hint("network", reference, map(state.networks.values(), ({ record }) => record.name)),
  );
}

/**
 * A container by name, id or unique id prefix; those of an engine by `ENGINE:REFERENCE`, too.
 *
 * @throws {NetsvcError} `not_found`, `ambiguous`
 */
export function findContainer(state: State, reference: string): Stored<ContainerRecord> {
  const lookUp = (text: string, ofEngine?: string) => {
    const all = [...state.containers.values()].filter(({ record }) =>
      ofEngine === undefined || runtimeOf(record) === ofEngine
    );
    const named = ofEngine === undefined
      ? state.containerByName(text)
      : all.find(({ record }) => record.name === text);
    return find("container", text, all, named, (c) => c.name ?? "unnamed");
  };
  const [, engine, rest] = reference.match(/^(docker|podman):(.+)$/) ?? [];
  const found = lookUp(reference) ?? (engine === undefined ? undefined : lookUp(rest!, engine));
  if (found) return found;
  throw new NetsvcError(
    "not_found",
    `No such container: ${JSON.stringify(reference)}` +
      hint(
        "container",
        reference,
        map(state.containers.values(), ({ record }) => record.name ?? ""),
      ),
  );
}

/** A container by reference; `undefined` when none, or more than one, matches. */
export function tryFindContainer(
  state: State,
  reference: string,
): Stored<ContainerRecord> | undefined {
  try {
    return findContainer(state, reference);
  } catch {
    return undefined;
  }
}

/**
 * A service by `SERVICE[.NETWORK]`. A bare id or id prefix finds the service on any network, since
 * ids are unique; a bare name is looked up on the default network.
 *
 * @throws {NetsvcError} `not_found`, `ambiguous`
 */
export function findService(
  { state, defaultNetwork }: { state: State; defaultNetwork: string },
  reference: string,
): StoredService {
  const { service, network } = splitServiceReference(reference);
  const on = findNetwork(state, network ?? defaultNetwork);
  const isWhole = ({ record }: StoredService) => record.of === undefined;
  const local = state.servicesOf(on.record.id).filter(isWhole);
  const named = local.find(({ record }) => record.name.toLowerCase() === service.toLowerCase());
  const found = find(
    "service",
    service,
    network === undefined ? state.services.values().filter(isWhole) : local,
    named,
    (s) => `${s.name}.${state.networks.get(s.network)?.record.name ?? "?"}`,
  ) ?? named;
  if (found) return found;
  throw new NetsvcError(
    "not_found",
    `No such service: ${JSON.stringify(service)} on network "${on.record.name}"` +
      hint("service", service, map(local, ({ record }) => record.leg ? "" : record.name)),
  );
}

/**
 * What an engine's container is to be attached to whenever it runs: one record of this host's for each container,
 * whichever API asked for it.
 *
 * @module
 */
import { z } from "zod";
import type { Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import type { Mirror } from "../mirror.ts";
import { parsed, RecordType } from "./record_type.ts";

const Endpoint = z.object({
  /** Id of the network, and its name at the request. */
  network: z.string(),
  name: z.string(),
  /** Id of a service that exists without the container; absent: the container's own service. */
  service: z.string().exactOptional(),
  aliases: z.array(z.string()),
  /** Other containers under aliases of its own. */
  links: z.array(z.object({ service: z.string(), alias: z.string() })),
  /** Addresses that were asked for. */
  ips: z.array(z.string()),
  mac: z.string().exactOptional(),
  /** Rank for the default route, the highest first; 0 unless given. */
  gwPriority: z.number().int().exactOptional(),
  /** Name of the link inside. */
  interface: z.string().exactOptional(),
  /** Unchanged from the request. */
  driverOpts: z.record(z.string(), z.string()).exactOptional(),
});

const Desired = z.object({
  /** The network mode that a client of Docker's asked for; absent when none did. */
  mode: z.string().exactOptional(),
  endpoints: z.array(Endpoint),
});

/** How a container is to be on one network. */
export type DesiredEndpoint = z.output<typeof Endpoint>;
/** All that is desired of a container. */
export type DesiredRecord = z.output<typeof Desired>;

const desired = new RecordType("wish of a container", 1, Desired);

type Readable = Pick<Mirror, "get">;

/** Reads a record from its text; `undefined` when it isn't one. */
export function parseDesired(text: string | undefined): DesiredRecord | undefined {
  return desired.parse(text);
}

/** The desired record of a container, if it has one. */
export function desiredOf(local: Readable, container: string): DesiredRecord | undefined {
  return desired.parse(local.get(keys.desired(container))?.value);
}

/** Ids of all containers with a desired record. */
export function desiredContainers(local: Pick<Mirror, "list">): string[] {
  return local.list(keys.allDesired).map(({ key }) => key.slice(keys.allDesired.length));
}

/** Whether a container is to back services again that exist without it. */
export function followsServices(local: Readable, container: string): boolean {
  return desiredOf(local, container)?.endpoints.some(isFollowed) ?? false;
}

/** Whether an endpoint is for a service that exists without the container. */
export function isFollowed({ service }: DesiredEndpoint): boolean {
  return service !== undefined;
}

/** Writes a desired record; an empty one is deleted. */
export function putDesired(
  local: Readable,
  { container, record }: { container: string; record: DesiredRecord | undefined },
): Transaction {
  const key = keys.desired(container);
  const stored = local.get(key);
  const checks = [{ key, revision: stored?.revision ?? null }];
  const nothing = !record || (record.mode === undefined && record.endpoints.length === 0);
  if (!nothing) return { checks, puts: [{ key, value: desired.write(record) }] };
  return stored ? { checks, deletes: [key] } : {};
}

/** Removes the services that a container follows, when the container is forgotten. */
export function withoutFollowed(local: Readable, container: string): Transaction {
  const record = desiredOf(local, container);
  if (!record?.endpoints.some(isFollowed)) return {};
  const endpoints = record.endpoints.filter((endpoint) => !isFollowed(endpoint));
  return putDesired(local, { container, record: { ...record, endpoints } });
}

/** What is desired of containers that Docker is just making, by keys. */
export const announcements = {
  get: (local: Readable, key: string): DesiredRecord | undefined =>
    desired.parse(local.get(keys.dockerCreate(key))?.value),
  keys: (local: Pick<Mirror, "list">): string[] =>
    local.list(keys.dockerCreates).map(({ key }) => key.slice(keys.dockerCreates.length)),
  put: (key: string, record: DesiredRecord): Transaction => ({
    puts: [{ key: keys.dockerCreate(key), value: desired.write(record) }],
  }),
  delete: (...announced: string[]): Transaction => ({ deletes: announced.map(keys.dockerCreate) }),
  /** Whether labels of earlier versions have been read; and a note that they have. */
  labelsRead: (local: Readable): boolean => local.get(keys.dockerLabelsRead) !== undefined,
  noteLabelsRead: (when: string): Transaction => ({
    puts: [{ key: keys.dockerLabelsRead, value: JSON.stringify(when) }],
  }),
};

/** The services that a container follows, in its record of before 2026-11-29. */
const Following = z.looseObject({
  foreign: z.looseObject({
    follows: z.array(z.object({
      service: z.string(),
      network: z.string(),
      aliases: z.array(z.object({ service: z.string(), alias: z.string() })),
    })),
  }),
});

/**
 * Migrates what earlier versions kept in two places: `docker-containers/ID`, and `follows` in the container's record.
 * Each container is one transaction, so that a crash leaves it in its old or its new form.
 */
export async function migrateDesired(
  local: Pick<Mirror, "get" | "list" | "commit">,
): Promise<void> {
  const old = new RecordType("wish of a container", 1, Desired);
  const before = local.list(keys.dockerContainers);
  const following = local.list(keys.containers).flatMap(({ key, value, revision }) => {
    const record = parsed(value);
    const read = Following.safeParse(record);
    return read.success ? [{ key, revision, record: read.data }] : [];
  });
  const id = (key: string) => key.slice(key.indexOf("/") + 1);
  const ids = new Set([...before, ...following].map(({ key }) => id(key)));
  for (const container of ids) {
    const own = before.find(({ key }) => id(key) === container);
    const adopted = following.find(({ key }) => id(key) === container);
    const { mode, endpoints = [] } = old.parse(own?.value) ?? {};
    const followed =
      adopted?.record.foreign.follows.map(({ service, network, aliases: links }) => ({
        ...{ network, name: "", service, aliases: [], links, ips: [] },
      })) ?? [];
    const next = { ...mode !== undefined && { mode }, endpoints: [...endpoints, ...followed] };
    const { follows: _, ...foreign } = adopted?.record.foreign ?? {};
    const written = putDesired(local, { container, record: next });
    await local.commit({
      checks: [
        ...written.checks ?? [],
        ...adopted ? [{ key: adopted.key, revision: adopted.revision }] : [],
      ],
      puts: [
        ...written.puts ?? [],
        ...adopted
          ? [{ key: adopted.key, value: JSON.stringify({ ...adopted.record, foreign }) }]
          : [],
      ],
      deletes: own ? [own.key] : [],
    });
  }
}

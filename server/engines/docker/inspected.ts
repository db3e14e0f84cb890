/**
 * What Docker and Podman tell of a container, read the same way. Podman's words are nearly Docker's.
 *
 * @module
 */
import { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { safely } from "../../../lib/api/safely.ts";
import {
  namespaceNumber,
  onHostNetwork,
  refuseHostNamespace,
} from "../../../lib/linux/namespaces/namespace_identity.ts";
import { identify } from "../../../lib/linux/processes/process_table.ts";
import type { ForeignContainer } from "../engine.ts";

/** A field that may be missing or `null`, as Go writes what is empty. */
function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const text = optional(z.string());
const flag = optional(z.boolean());

/** Ports as they were asked for: `{"80/tcp": [{HostIp, HostPort}]}`. */
export const PortBindings = z.record(
  z.string(),
  z.array(z.object({ HostIp: z.string().nullish(), HostPort: z.string().nullish() })).nullish(),
);
/** See {@linkcode PortBindings}. */
export type PortBindings = z.output<typeof PortBindings>;

const HOST_CONFIG = z.object({
  NetworkMode: text,
  PublishAllPorts: flag,
  AutoRemove: flag,
  RestartPolicy: optional(z.object({ Name: text })),
  PortBindings: optional(PortBindings),
});
const CONFIG = z.object({
  Labels: optional(z.record(z.string(), z.string())),
  ExposedPorts: optional(z.record(z.string(), z.unknown())),
  Hostname: text,
  Domainname: text,
});

/** `GET /containers/ID/json`, and an item of `podman inspect`. */
export const InspectedContainer = z.object({
  Id: z.string().regex(/^[0-9a-f]{64}$/),
  Name: z.string().transform((name) => name.replace(/^\//, "")),
  /** Id of its image. */
  Image: text,
  State: z.object({
    Running: z.boolean(),
    /** Podman's: `initialized` has a process that waits to become the container's. */
    Status: text,
    Pid: z.number().int(),
  }),
  Config: CONFIG.nullish().transform((value) => value ?? CONFIG.parse({})),
  HostConfig: HOST_CONFIG.nullish().transform((value) => value ?? HOST_CONFIG.parse({})),
  ResolvConfPath: text,
  HostsPath: text,
  NetworkSettings: optional(z.object({
    Networks: optional(z.record(
      z.string(),
      z.object({ EndpointID: text, Aliases: optional(z.array(z.string())) }),
    )),
  })),
});

/** A container as its engine shows it. */
export type Inspected = z.output<typeof InspectedContainer>;

/** Reads what an engine tells of a container. @throws {NetsvcError} `unavailable` when that makes no sense */
export function readInspected(runtime: string, value: unknown): Inspected {
  const read = safely(() => InspectedContainer.safeParse(value));
  if (read?.success) return read.data;
  throw new NetsvcError("unavailable", `The answer of ${runtime} about a container is wrong`, {
    cause: read?.error,
  });
}

/**
 * A container as it is at this moment.
 *
 * @throws {NetsvcError} `invalid` when it is on the host's network
 */
export function toForeign(runtime: string, inspected: Inspected): ForeignContainer {
  const { Id: id, Name: name, State, Config, HostConfig, ResolvConfPath, HostsPath } = inspected;
  const lives = State.Running || State.Status === "initialized";
  const process = lives && State.Pid > 0 ? identify(State.Pid) : undefined;
  const namespace = `/proc/${State.Pid}/ns/net`;
  // It may end at any moment; then it is as if it had ended before.
  const running = process !== undefined && namespaceNumber(namespace) !== undefined;
  const what = `container "${name || id.slice(0, 12)}"`;
  // The engine's host needn't be this one: it may be in a namespace, or a container, of its own.
  if (HostConfig.NetworkMode === "host") throw onHostNetwork(what);
  if (running) refuseHostNamespace(what, namespace);
  return {
    id,
    ...name && { name },
    runtime,
    ...running && { running: { namespace, process } },
    ...Config.Hostname && { hostname: fullHostname(Config.Hostname, Config.Domainname) },
    ...ResolvConfPath && { resolvConfPath: ResolvConfPath },
    ...HostsPath && { hostsPath: HostsPath },
  };
}

/** A container's host name with its domain, where it was given one. */
export function fullHostname(hostname: string, domain?: string | null): string {
  return domain ? `${hostname}.${domain}` : hostname;
}

/** Whether an engine says that a reference fits several containers. */
export function saysAmbiguous(words: string): boolean {
  return /multiple ids|more than one|ambiguous/i.test(words);
}

/** The error of a reference that fits several containers of one engine. */
export function ambiguous(
  reference: string,
  { runtime, words }: { runtime: string; words: string },
): NetsvcError {
  return new NetsvcError(
    "ambiguous",
    `Several containers of ${runtime} begin with "${reference}"; give more of the id`,
    { cause: new Error(words) },
  );
}

/**
 * Parses a container's inspection by Docker or Podman, both the same way: their fields are nearly the same.
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

/** A field that may be missing or `null`, as Go encodes empty values. */
function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const text = optional(z.string());
const flag = optional(z.boolean());

/** Requested ports: `{"80/tcp": [{HostIp, HostPort}]}`. */
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
    /** Podman's `initialized`: a process exists that waits to execute the container's program. */
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

/** Parses an engine's inspection of a container. @throws {NetsvcError} `unavailable` when it is invalid */
export function readInspected(runtime: string, value: unknown): Inspected {
  const read = safely(() => InspectedContainer.safeParse(value));
  if (read?.success) return read.data;
  throw new NetsvcError("unavailable", `The answer of ${runtime} about a container is wrong`, {
    cause: read?.error,
  });
}

/**
 * The container of an inspection, with its state at this moment.
 *
 * @throws {NetsvcError} `invalid` when it uses the host's network
 */
export function toForeign(runtime: string, inspected: Inspected): ForeignContainer {
  const { Id: id, Name: name, State, Config, HostConfig, ResolvConfPath, HostsPath } = inspected;
  const lives = State.Running || State.Status === "initialized";
  const process = lives && State.Pid > 0 ? identify(State.Pid) : undefined;
  const namespace = `/proc/${State.Pid}/ns/net`;
  // The container may end at any moment; it then counts as not running.
  const running = process !== undefined && namespaceNumber(namespace) !== undefined;
  const what = `container "${name || id.slice(0, 12)}"`;
  // Check the mode as well: the engine's "host" may be a namespace, or a container, other than this host.
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

/** A container's host name, with its domain if it has one. */
export function fullHostname(hostname: string, domain?: string | null): string {
  return domain ? `${hostname}.${domain}` : hostname;
}

/** Whether an engine's message says that a reference matches several containers. */
export function saysAmbiguous(words: string): boolean {
  return /multiple ids|more than one|ambiguous/i.test(words);
}

/** The error of a reference that matches several containers of one engine. */
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

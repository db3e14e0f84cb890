/**
 * What Docker and Podman tell of a container, and of what happens to it, read the same way. Podman's
 * words for both are nearly Docker's.
 *
 * @module
 */
import { lines } from "../../../lib/async/lines.ts";
import { safely } from "../../../lib/api/safely.ts";
import { z } from "zod";
import { identify } from "../../../lib/linux/processes/process_table.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { EngineEvent, ForeignContainer } from "../engine.ts";
import {
  namespaceNumber,
  onHostNetwork,
  refuseHostNamespace,
} from "../../../lib/linux/namespaces/namespace_identity.ts";

/** A longer line is no event, in characters. */
const MAX_LINE = 256 * 1024;

const PATH = z.string().optional();

/** `GET /containers/ID/json`, and an item of `podman inspect`. */
const INSPECTED = z.object({
  Id: z.string().regex(/^[0-9a-f]{64}$/),
  Name: z.string(),
  State: z.object({
    Running: z.boolean(),
    /** Podman's: `initialized` has a process that waits to become the container's. */
    Status: z.string().optional(),
    Pid: z.number().int(),
  }),
  HostConfig: z.object({ NetworkMode: z.string().optional() }).optional(),
  Config: z.object({ Hostname: z.string().optional(), Domainname: z.string().optional() })
    .optional(),
  ResolvConfPath: PATH,
  HostsPath: PATH,
});

/** An event of Docker's, of Podman's libpod API, or of `podman events`. */
const EVENT = z.object({
  Type: z.literal("container"),
  Action: z.string().optional(),
  Status: z.string().optional(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).optional() })
    .optional(),
  ID: z.string().optional(),
  Name: z.string().optional(),
});

/**
 * Reads what an engine tells of a container.
 *
 * @throws {NetsvcError} `unavailable` when that makes no sense; `invalid` when it is on the host's
 * network
 */
export function readInspected(runtime: string, value: unknown): ForeignContainer {
  const read = safely(() => INSPECTED.safeParse(value));
  if (!read?.success) {
    throw new NetsvcError("unavailable", `The answer of ${runtime} about a container is wrong`, {
      cause: read?.error,
    });
  }
  const { Id, State, Config, HostConfig, ResolvConfPath, HostsPath } = read.data;
  const name = read.data.Name.replace(/^\//, "");
  const lives = State.Running || State.Status === "initialized";
  const process = lives && State.Pid > 0 ? identify(State.Pid) : undefined;
  const namespace = `/proc/${State.Pid}/ns/net`;
  // It may end at any moment; then it is as if it had ended before.
  const running = process !== undefined && namespaceNumber(namespace) !== undefined;
  const what = `container "${name || Id.slice(0, 12)}"`;
  // The engine's host needn't be this one: it may be in a namespace, or a container, of its own.
  if (HostConfig?.NetworkMode === "host") throw onHostNetwork(what);
  if (running) refuseHostNamespace(what, namespace);
  return {
    id: Id,
    ...name && { name },
    runtime,
    ...running && { running: { namespace, process } },
    ...Config?.Hostname && { hostname: fullHostname(Config.Hostname, Config.Domainname) },
    ...ResolvConfPath && { resolvConfPath: ResolvConfPath },
    ...HostsPath && { hostsPath: HostsPath },
  };
}

/** A container's host name with its domain, where it was given one. */
export function fullHostname(hostname: string, domain?: string | null): string {
  return domain ? `${hostname}.${domain}` : hostname;
}

/** Words for: it no longer runs; it may be gone altogether. */
const ENDS = new Set(["die", "died", "destroy", "remove"]);

/** Reads a line of events; `undefined` for what is none that counts. */
export function readEvent(line: string): EngineEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const event = safely(() => EVENT.safeParse(value));
  if (!event?.success) return undefined;
  const { Action, Status, Actor, ID, Name } = event.data;
  const action = Action ?? Status, id = Actor?.ID ?? ID, name = Actor?.Attributes?.name ?? Name;
  if (action === undefined || id === undefined) return undefined;
  const type = ENDS.has(action) ? "die" : action === "start" || action === "rename" ? action : null;
  if (type === null) return undefined;
  return { type, id, ...name !== undefined && { name } };
}

/** Calls `listener` with each event of a stream, until that ends. */
export async function eachEvent(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  listener: (event: EngineEvent) => void,
): Promise<void> {
  for await (const line of lines(stream, { longest: MAX_LINE })) {
    const event = readEvent(line);
    if (event) listener(event);
  }
}

/** Whether an engine says that a reference fits several containers. */
export function saysAmbiguous(words: string): boolean {
  return /multiple ids|more than one|ambiguous/i.test(words);
}

/** The error of a reference that fits several containers of one engine. */
export function ambiguous(runtime: string, reference: string, words: string): NetsvcError {
  return new NetsvcError(
    "ambiguous",
    `Several containers of ${runtime} begin with "${reference}"; give more of the id`,
    { cause: new Error(words) },
  );
}

/**
 * The one interface to programs that run containers which netsvc didn't make.
 *
 * @module
 */
import type { ProcessIdentity } from "../../lib/linux/processes/process_table.ts";

/** A container of another program's, as it is at this moment. */
export interface ForeignContainer {
  /** 64 hex digits: the engine's own, or made of what the container is known by. */
  id: string;
  /** Without a leading slash; absent where it has none. */
  name?: string;
  /** The engine's name: `docker`, `podman`, `pid`, `netns`. */
  runtime: string;
  /** Absent while it isn't running. */
  running?: {
    /** Path of its network namespace, never this host's own. */
    namespace: string;
    /** Its first process; a network namespace alone has none. */
    process?: ProcessIdentity;
  };
  /** With its domain, where it was given one. */
  hostname?: string;
  /** Files of the host that the container sees as its `/etc/resolv.conf` and `/etc/hosts`. */
  resolvConfPath?: string;
  hostsPath?: string;
}

/** What happens to containers. */
export type EngineEvent =
  /** Whatever happened before it may have been missed: look at everything again. */
  | { type: "gap" }
  | { type: "start" | "die" | "rename"; id: string; name?: string };

/** A program that runs containers. */
export interface Engine {
  readonly name: string;
  /**
   * A container by name, id or the beginning of an id; `undefined` when there is none, or no such
   * program on this host.
   *
   * @throws {NetsvcError} `ambiguous`; `invalid` when it has no network of its own; `unavailable`,
   * `timeout`
   */
  find(reference: string): Promise<ForeignContainer | undefined>;
  /**
   * The files that a container will have which is about to be started for the first time; absent where
   * `find` tells.
   *
   * @throws {NetsvcError} `unavailable`, `timeout`
   */
  filesOf?(id: string): Promise<Pick<ForeignContainer, "resolvConfPath" | "hostsPath">>;
  /**
   * Tells what happens from now on, a `gap` first, until the signal; connects again by itself. Never
   * rejects.
   */
  watch(listener: (event: EngineEvent) => void, signal: AbortSignal): Promise<void>;
}

/** A reference that an engine may be asked for: what Docker allows as a name, which ids are too. */
export const ENGINE_REFERENCE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;

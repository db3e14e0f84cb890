/**
 * The interface to programs that run containers which netsvc didn't make.
 *
 * @module
 */
import type { ProcessIdentity } from "../../lib/linux/processes/process_table.ts";

/** Another program's container, with its state at this moment. */
export interface ForeignContainer {
  /** 64 hex digits: the engine's own id, or a hash of what identifies the container. */
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
  /** With its domain, if it has one. */
  hostname?: string;
  /** Files of the host that the container sees as its `/etc/resolv.conf` and `/etc/hosts`. */
  resolvConfPath?: string;
  hostsPath?: string;
}

export type EngineEvent =
  /** Earlier events may have been lost: the listener must inspect every container again. */
  | { type: "gap" }
  | { type: "start" | "die" | "rename"; id: string; name?: string };

/** A program that runs containers. */
export interface Engine {
  readonly name: string;
  /**
   * A container by name, id or prefix of an id; `undefined` when it doesn't exist, or the program isn't on
   * this host.
   *
   * @throws {NetsvcError} `ambiguous`; `invalid` when it has no network of its own; `unavailable`,
   * `timeout`
   */
  find(reference: string): Promise<ForeignContainer | undefined>;
  /**
   * The files that a container will have once it has started for the first time; absent for engines whose
   * `find` returns them.
   *
   * @throws {NetsvcError} `unavailable`, `timeout`
   */
  filesOf?(id: string): Promise<Pick<ForeignContainer, "resolvConfPath" | "hostsPath">>;
  /**
   * Reports events from now on, a `gap` first, until the signal aborts; reconnects by itself. Never rejects.
   */
  watch(listener: (event: EngineEvent) => void, signal: AbortSignal): Promise<void>;
}

/** A reference that engines accept: what Docker allows as a name, which includes ids. */
export const ENGINE_REFERENCE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;

/**
 * One poller for all of a thread's sockets, so that it takes one thread of the pool, however many use it.
 *
 * @module
 */
import { Poller } from "./poller.ts";

/** The shared poller, until it is released. */
export interface PollerLease {
  poller: Poller;
  release(): Promise<void>;
}

let shared: { poller: Poller; users: number } | undefined;

/** Leases the thread's poller, which is made for the first user and ends with the last. */
export function leasePoller(): PollerLease {
  const current = shared ??= { poller: new Poller(), users: 0 };
  current.users++;
  return {
    poller: current.poller,
    release: async () => {
      if (--current.users > 0) return;
      if (shared === current) shared = undefined;
      await current.poller.close();
    },
  };
}

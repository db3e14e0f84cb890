/**
 * Containers that something else than a client of netsvc may start again: their restart policy, Docker's daemon
 * when it returns, or a client of Docker's own socket. Each is awaited from its end on, so that it has its networks
 * before its first instruction, as at `start`.
 *
 * @module
 */
import type { Inspected } from "../../engines/docker/inspected.ts";
import type { State } from "../../model/state.ts";

/** Docker's longest pause before it starts a container again is a minute. In milliseconds. */
const POLICY_MS = 70_000;
/** `docker restart` at Docker's own socket begins at once. In milliseconds. */
const RESTART_MS = 3_000;
/** Policies by which Docker starts a container that has ended. */
const POLICIES = ["always", "unless-stopped", "on-failure"];

/** Expects the restarts of containers. */
export class Restarts implements Disposable {
  readonly #unsubscribe: () => void;
  /** Inspections of the running containers: the engine doesn't answer one while it starts the container. */
  readonly #known = new Map<string, Inspected>();

  /** @param expect waits for a container that has ended, for so many milliseconds */
  constructor(state: State, expect: (inspected: Inspected, deadline: number) => void) {
    this.#unsubscribe = state.subscribe((changes) => {
      for (const { type, id } of changes) {
        const inspected = type === "container" ? this.#known.get(id) : undefined;
        if (!inspected) continue;
        const { record } = state.containers.get(id) ?? {};
        if (!record || record.state === "exited") expect(inspected, waitFor(inspected));
      }
    });
  }

  /** Notes a container that runs on its networks. */
  runs(inspected: Inspected): void {
    this.#known.set(inspected.Id, inspected);
  }

  /** Forgets a container that a client is about to start, or that is gone. */
  forget(id: string): void {
    this.#known.delete(id);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }
}

/** How long after its end a container may be started again, in milliseconds. */
function waitFor({ HostConfig: { RestartPolicy } }: Inspected): number {
  return POLICIES.includes(RestartPolicy?.Name ?? "") ? POLICY_MS : RESTART_MS;
}

/**
 * Containers that may be started again by something else than a client of netsvc: by their restart
 * policy, by Docker's daemon when it comes back, or by a client of Docker's own socket. Each is waited
 * for from its end on, so that it has its networks before its first instruction, as at `start`.
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

/** See the module. */
export class Restarts implements Disposable {
  readonly #unsubscribe: () => void;
  /** What is known of the containers that run: while one is being started nobody tells. */
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

  /** A container runs, with its networks. */
  runs(inspected: Inspected): void {
    this.#known.set(inspected.Id, inspected);
  }

  /** It is about to be started by a client, or it is gone. */
  forget(id: string): void {
    this.#known.delete(id);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }
}

/** How long a container that has ended may be started again, in milliseconds. */
function waitFor({ HostConfig: { RestartPolicy } }: Inspected): number {
  return POLICIES.includes(RestartPolicy?.Name ?? "") ? POLICY_MS : RESTART_MS;
}

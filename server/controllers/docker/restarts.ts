/**
 * Containers that may be started again by something else than a client of netsvc: by their restart
 * policy, by Docker's daemon when it comes back, or by a client of Docker's own socket. Each is waited
 * for from its end on, so that it has its networks before its first instruction, as at `start`.
 *
 * @module
 */
import type { State } from "../../model/state.ts";
import type { Inspected } from "../../engines/docker/inspected.ts";

/** Docker's longest pause before it starts a container again is a minute. In milliseconds. */
const POLICY_MS = 70_000;
/** `docker restart` behind netsvc's back begins at once. In milliseconds. */
const RESTART_MS = 3_000;
/** Containers that are waited for at once; of more, the first. */
const MAX_EXPECTED = 256;
/** Policies by which Docker starts a container that has ended. */
const POLICIES = ["always", "unless-stopped", "on-failure"];

/** See the module. */
export class Restarts implements AsyncDisposable {
  readonly #plug: (inspected: Inspected, signal: AbortSignal) => Promise<void>;
  readonly #unsubscribe: () => void;
  /** What is known of the containers that run: while one is being started nobody tells. */
  readonly #known = new Map<string, Inspected>();
  readonly #expected = new Map<string, AbortController>();
  readonly #under = new Set<Promise<void>>();

  /** @param plug waits for a container until the signal, and plugs it in; never rejects */
  constructor(state: State, plug: (inspected: Inspected, signal: AbortSignal) => Promise<void>) {
    this.#plug = plug;
    this.#unsubscribe = state.subscribe((changes) => {
      for (const change of changes) {
        if (change.type === "container" && this.#known.has(change.id)) {
          const { record } = state.containers.get(change.id) ?? {};
          if (!record || record.state === "exited") this.#ended(change.id);
        }
      }
    });
  }

  /** A container runs, with its networks. */
  runs(inspected: Inspected): void {
    this.#known.set(inspected.Id, inspected);
  }

  /** Somebody is about to start it, and sees to its networks, or it is gone. */
  forget(id: string): void {
    this.#known.delete(id);
    this.#expected.get(id)?.abort();
  }

  #ended(id: string): void {
    const inspected = this.#known.get(id)!;
    if (this.#expected.has(id) || this.#expected.size >= MAX_EXPECTED) return;
    const policy = inspected.HostConfig.RestartPolicy?.Name ?? "";
    const abort = new AbortController();
    this.#expected.set(id, abort);
    const timer = setTimeout(
      () => abort.abort(),
      POLICIES.includes(policy) ? POLICY_MS : RESTART_MS,
    );
    const running = this.#plug(inspected, abort.signal).finally(() => {
      clearTimeout(timer);
      if (this.#expected.get(id) === abort) this.#expected.delete(id);
      this.#under.delete(running);
    });
    this.#under.add(running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    for (const abort of this.#expected.values()) abort.abort();
    await Promise.all(this.#under);
  }
}

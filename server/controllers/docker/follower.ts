/**
 * Follows what Docker tells: containers that it starts by itself, or that are started at its own socket,
 * are put on their networks, too.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import type { Desired } from "../adopted/desired.ts";
import type { Locks } from "../locks.ts";
import type { Labels } from "./labels.ts";
import type { Starts } from "./starts.ts";

const log = getLogger(["netsvc", "docker"]);

/** What {@linkcode Follower} works with. */
export interface FollowerOptions {
  engine: Docker;
  desired: Desired;
  labels: Labels;
  starts: Starts;
  locks: Pick<Locks, "docker">;
}

/** Brings containers where they belong. */
export class Follower implements AsyncDisposable {
  readonly #options: FollowerOptions;
  readonly #abort = new AbortController();
  readonly #under = new Set<Promise<void>>();
  #watching: Promise<void> | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Begins to follow. */
  run(): void {
    this.#watching = this.#options.engine.watch((event) => {
      if (event.type === "gap") return this.#begin("containers", () => this.#catchUp());
      const what = `container ${shortId(event.id)}`;
      if (event.type === "die") this.#begin(what, () => this.#forgetIfGone(event.id));
      if (event.type === "start") this.#begin(what, () => this.#follow(event.id));
    }, this.#abort.signal);
  }

  #begin(what: string, action: () => Promise<void>): void {
    const running = action().catch((error) =>
      log.warn("Cannot connect {what}: {cause}", { what, cause: errorChain(error).join(": ") })
    ).finally(() => this.#under.delete(running));
    this.#under.add(running);
  }

  /** Looks at all containers: this daemon didn't hear what happened to them. */
  async #catchUp(): Promise<void> {
    const { labels, desired } = this.#options;
    await labels.adopt();
    for (const id of desired.ids().filter((id) => desired.networks(id))) {
      await this.#follow(id).catch((error) =>
        log.warn("Cannot connect container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    }
  }

  /** Forgets a container that the engine has removed by itself: `--rm`, `docker container prune`. */
  async #forgetIfGone(id: string): Promise<void> {
    const { desired, engine, locks, starts } = this.#options;
    if (!desired.networks(id)) return;
    await locks.docker(id, async () => {
      if (!await engine.client.isThere() || await engine.inspect(id)) return;
      await starts.removed(id);
      log.debug("Container {id} is gone", { id });
    });
  }

  /** Looks at one container that something has happened to. */
  async #follow(id: string): Promise<void> {
    const { engine, labels, locks, starts } = this.#options;
    await locks.docker(id, async () => {
      if (!await engine.client.isThere()) return;
      const inspected = await engine.inspect(id);
      if (!inspected) return await starts.removed(id);
      await labels.networks(inspected);
      await starts.started(id);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#watching;
    await Promise.all(this.#under);
  }
}

/**
 * Puts containers that Docker starts by itself, or that are started at Docker's own socket, on their networks, too;
 * forgets those that Docker removes by itself.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import type { EngineEvent } from "../../engines/engine.ts";
import type { Desired } from "../adopted/desired.ts";
import type { Locks } from "../locks.ts";
import type { Labels } from "./labels.ts";
import type { Starts } from "./starts.ts";

const log = getLogger(["netsvc", "docker"]);

/** What {@linkcode CatchUp} works with. */
export interface CatchUpOptions {
  engine: Docker;
  desired: Pick<Desired, "networks" | "ids">;
  labels: Pick<Labels, "networks" | "adopt">;
  starts: Pick<Starts, "started" | "removed">;
  locks: Pick<Locks, "docker">;
}

/** Handles the engine's events. */
export class CatchUp {
  readonly #options: CatchUpOptions;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Handles one event. Never rejects. */
  async after(event: EngineEvent): Promise<void> {
    const { labels, desired } = this.#options;
    if (event.type === "gap") {
      // This daemon missed the events of these containers.
      await labels.adopt().catch((error) => cannot("containers", error));
      const ids = desired.ids().filter((id) => desired.networks(id));
      for (const id of ids) await this.#tell(id, () => this.#follow(id));
    }
    if (event.type === "die") await this.#tell(event.id, () => this.#forgetIfGone(event.id));
    if (event.type === "start") await this.#tell(event.id, () => this.#follow(event.id));
  }

  async #tell(id: string, action: () => Promise<void>): Promise<void> {
    await action().catch((error) => cannot(`container ${shortId(id)}`, error));
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

  /** Looks at one container that an event is about. */
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
}

function cannot(what: string, error: unknown): void {
  log.warn("Cannot connect {what}: {cause}", { what, cause: errorChain(error).join(": ") });
}

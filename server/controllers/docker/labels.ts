/**
 * The label that ties a container of Docker's to its desired record, and what earlier daemons left under labels.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { z } from "zod";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import type { Inspected } from "../../engines/docker/inspected.ts";
import { announcements, parseDesired } from "../../model/repository/desired.ts";
import type { State } from "../../model/state.ts";
import type { Desired, DesiredNetworks } from "../adopted/desired.ts";

const log = getLogger(["netsvc", "docker"]);

/**
 * Label of containers that netsvc connects. It shows what was asked for, and ties a container to its record in the
 * store; alone it means nothing, since images have labels, too.
 */
export const LABEL = "netsvc.networks";

const KEYED = z.object({ key: z.string().regex(/^[0-9a-f]{32}$/) });

/** The label of a container that is being made; `key` ties it to the store. */
export function writeLabel(key: string, networks: DesiredNetworks): string {
  return JSON.stringify({ key, ...networks });
}

/** The key of a label that netsvc may have written. */
export function labelKey(text: string | undefined): string | undefined {
  try {
    return KEYED.parse(JSON.parse(text ?? "")).key;
  } catch {
    return undefined;
  }
}

/** Reads a label of an earlier version, which had no keys; `undefined` when it isn't one. */
export function parseOldLabel(text: string | undefined): DesiredNetworks | undefined {
  const { mode, endpoints = [] } = parseDesired(text) ?? {};
  return mode === undefined ? undefined : { mode, endpoints };
}

/** Finds what is desired of containers by their labels. */
export class Labels {
  readonly #docker: Docker;
  readonly #desired: Desired;
  readonly #state: State;
  /** Keys of containers that were made unseen by an earlier daemon. */
  readonly #left: Set<string>;
  #adopted: Promise<void> | undefined;

  constructor(docker: Docker, desired: Desired, state: State) {
    this.#docker = docker;
    this.#desired = desired;
    this.#state = state;
    this.#left = new Set(desired.unclaimed());
  }

  /** What is desired of a container, even if this daemon didn't see it made. */
  async networks({ Id, Config }: Inspected): Promise<DesiredNetworks | undefined> {
    const known = this.#desired.networks(Id);
    const key = labelKey(Config.Labels?.[LABEL]);
    if (known || key === undefined) return known;
    const announced = this.#desired.announced(key);
    if (announced) await this.#desired.claim(key, Id, announced);
    return announced;
  }

  /**
   * Adopts what earlier daemons left: containers that were made as a daemon died, and those of versions that kept
   * the wishes in the label alone. Done once; tried again while the engine can't be reached.
   */
  adopt(): Promise<void> {
    return this.#adopted ??= this.#adopt().catch((error) => {
      this.#adopted = undefined;
      throw error;
    });
  }

  async #adopt(): Promise<void> {
    const { local } = this.#state;
    const old = !announcements.labelsRead(local);
    if (!old && this.#left.size === 0) return;
    if (!await this.#docker.client.isThere()) return void (this.#adopted = undefined);
    for (const id of await this.#docker.labelled(LABEL)) {
      const inspected = await this.#docker.inspect(id);
      if (!inspected || await this.networks(inspected)) continue;
      const label = inspected.Config.Labels?.[LABEL];
      if (old && labelKey(label) === undefined) await this.#adoptLabel(inspected, label);
    }
    await local.commit(announcements.noteLabelsRead(new Date().toISOString()));
    await this.#desired.withdraw(...this.#left);
    this.#left.clear();
  }

  /**
   * A label of an earlier version counts where it can't be the image's: a client that can give a container its own
   * label controls Docker anyway.
   */
  async #adoptLabel({ Id, Name, Image }: Inspected, label: string | undefined): Promise<void> {
    const wanted = parseOldLabel(label);
    if (!wanted || wanted.endpoints.length === 0) return;
    const image = await this.#docker.imageLabels(Image ?? "").catch((error) => {
      log.debug("Image of {name}: {cause}", { name: Name, cause: errorChain(error).join(": ") });
      return undefined;
    });
    const own = image ? image[LABEL] !== label : this.#state.servicesBackedBy(Id).length > 0;
    if (own) return await this.#desired.save(Id, wanted);
    log.warn(
      'The container "{name}" ({id}) has its label {label} from its image: it means nothing; put it on ' +
        "its networks with docker network connect",
      { name: Name, id: shortId(Id), label: LABEL },
    );
  }
}

/**
 * Which networks containers of Docker's are to be on, in this host's own store. Nobody else has a say: the
 * label of a container may be its image's.
 *
 * What is wanted is noted before the engine makes a container, under a key that nobody can guess, which the
 * container's label has; and under the container's id as soon as that is known. So a crash between the two loses
 * nothing, and each key is good for one container: what copies a label copies nothing.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Mirror } from "../../model/mirror.ts";
import { together } from "../../model/transaction.ts";
import { type WantedNetworks, wantedRecords } from "../../model/repository/docker.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import type { Inspected } from "../../engines/docker/inspected.ts";
import { LABEL, labelKey, parseWanted } from "./wanted.ts";

const log = getLogger(["netsvc", "docker"]);

/** What the store is used with. */
export interface WantedStoreOptions {
  local: Mirror;
  engine: Docker;
  /** Whether a container backs services of netsvc's. */
  isAttached: (container: string) => boolean;
}

/** The records. Whoever writes one holds the lock of its container; this daemon alone writes here. */
export class WantedStore {
  readonly #options: WantedStoreOptions;
  /** Keys of containers that an earlier daemon didn't see made. */
  readonly #left: Set<string>;
  /** Containers that asked for addresses. */
  readonly #fixed = new Map<string, WantedNetworks>();
  #adopted: Promise<void> | undefined;

  constructor(options: WantedStoreOptions) {
    this.#options = options;
    for (const id of this.ids()) this.#index(id, this.get(id));
    this.#left = new Set(wantedRecords.announcements(options.local));
  }

  /** What is wanted of a container, when anything is. */
  get(id: string): WantedNetworks | undefined {
    return wantedRecords.get(this.#options.local, id);
  }

  /** The same of one that may have been made without this daemon's hearing of it. */
  async of({ Id, Config }: Inspected): Promise<WantedNetworks | undefined> {
    const known = this.get(Id);
    const key = labelKey(Config.Labels?.[LABEL]);
    if (known || key === undefined) return known;
    const announced = wantedRecords.announced(this.#options.local, key);
    if (announced) await this.made(key, Id, announced);
    return announced;
  }

  /** Ids of all containers of which something is wanted. */
  ids(): string[] {
    return wantedRecords.ids(this.#options.local);
  }

  /** Addresses that containers asked for on a network, whether they run or not. */
  fixedAddresses(network: string): string[] {
    return [...this.#fixed.values()].flatMap(({ endpoints }) =>
      endpoints.flatMap((endpoint) => endpoint.network === network ? endpoint.ips : [])
    );
  }

  #index(id: string, wanted: WantedNetworks | undefined): void {
    if (wanted?.endpoints.some(({ ips }) => ips.length > 0)) this.#fixed.set(id, wanted);
    else this.#fixed.delete(id);
  }

  async save(id: string, wanted: WantedNetworks | undefined): Promise<void> {
    const { local } = this.#options;
    if (!wanted && !this.ids().includes(id)) return;
    await local.commit(wanted ? wantedRecords.put(id, wanted) : wantedRecords.delete(id));
    this.#index(id, wanted);
  }

  /** Notes what is wanted of a container that is about to be made; gives the key for its label. */
  async announce(wanted: WantedNetworks): Promise<string> {
    const key = crypto.getRandomValues(new Uint8Array(16)).toHex();
    await this.#options.local.commit(wantedRecords.announce(key, wanted));
    return key;
  }

  /** The container is made. */
  async made(key: string, id: string, wanted: WantedNetworks): Promise<void> {
    await this.#options.local.commit(
      together(wantedRecords.put(id, wanted), wantedRecords.withdraw(key)),
    );
    this.#index(id, wanted);
  }

  /** There will be no such container. */
  async withdraw(key: string): Promise<void> {
    await this.#options.local.commit(wantedRecords.withdraw(key));
  }

  /**
   * Takes up what earlier daemons left: containers that were made when one died, and those of versions that
   * kept what was wanted in the label alone. Done once; tried again while the engine can't be reached.
   */
  adopt(): Promise<void> {
    return this.#adopted ??= this.#adopt().catch((error) => {
      this.#adopted = undefined;
      throw error;
    });
  }

  async #adopt(): Promise<void> {
    const { local, engine } = this.#options;
    const old = !wantedRecords.labelsRead(local);
    if (!old && this.#left.size === 0) return;
    if (!await engine.client.isThere()) return void (this.#adopted = undefined);
    for (const id of await engine.labelled(LABEL)) {
      const inspected = await engine.inspect(id);
      if (!inspected || await this.of(inspected)) continue;
      const label = inspected.Config.Labels?.[LABEL];
      if (old && labelKey(label) === undefined) await this.#adoptLabel(inspected, label);
    }
    const there = new Set(wantedRecords.announcements(local));
    await local.commit(
      together(
        wantedRecords.noteLabelsRead(new Date().toISOString()),
        wantedRecords.withdraw(...[...this.#left].filter((key) => there.has(key))),
      ),
    );
    this.#left.clear();
  }

  /**
   * A label of an earlier version counts where it can't be the image's: who can give a container a label of
   * its own commands Docker.
   */
  async #adoptLabel({ Id, Name, Image }: Inspected, label: string | undefined): Promise<void> {
    const wanted = parseWanted(label);
    if (!wanted || wanted.endpoints.length === 0) return;
    const image = await this.#options.engine.imageLabels(Image ?? "").catch((error) => {
      log.debug("Image of {name}: {cause}", { name: Name, cause: errorChain(error).join(": ") });
      return undefined;
    });
    const own = image ? image[LABEL] !== label : this.#options.isAttached(Id);
    if (own) return await this.save(Id, wanted);
    log.warn(
      'The container "{name}" ({id}) has its label {label} from its image: it means nothing; put it on ' +
        "its networks with docker network connect",
      { name: Name, id: shortId(Id), label: LABEL },
    );
  }
}

/**
 * Takes up another address of this host, where the one that its cluster knows is gone. An etcd listens at its host's
 * address: it is started anew at the other one, its voter signs certificates for it, and the coordinator tells all.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../../lib/api/errors.ts";
import type { EtcdChild } from "../../etcd/etcd_child.ts";
import { Rounds } from "../../etcd/voters/rounds.ts";
import type { ClusterState } from "../../files/cluster_file.ts";
import { atAddress, movedTo, type OwnAddresses } from "./own_address.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pause between two looks, in milliseconds. */
const ROUND_MS = 5_000;
/** So often in a row the address has to be gone: a link that comes up late is no move. */
const LOOKS = 3;

/** What {@linkcode FollowAddress} works with. */
export interface AddressParts {
  /** Changed in place. */
  state: ClusterState;
  addresses: () => OwnAddresses;
  child: Pick<EtcdChild, "kept" | "stop">;
  write: (state: ClusterState) => Promise<void>;
  /** Has the daemon begin again. */
  restart: () => void;
}

/** Looks again and again. */
export class FollowAddress implements AsyncDisposable {
  readonly #parts: AddressParts;
  readonly #rounds = new Rounds(
    () =>
      this.#look().catch((error) =>
        log.error("Cannot take up this host's new address: {cause}", {
          cause: errorChain(error).join(": "),
        })
      ),
    ROUND_MS,
  );
  #seen: string | undefined;
  #looks = 0;

  constructor(parts: AddressParts) {
    this.#parts = parts;
  }

  /** From now on. */
  begin(): void {
    this.#rounds.begin();
  }

  /** One look. Never fails. */
  round(): Promise<void> {
    return this.#rounds.run();
  }

  async #look(): Promise<void> {
    const { state, addresses, child, write, restart } = this.#parts;
    const before = state.host.address;
    const now = movedTo(before, addresses());
    this.#looks = now === this.#seen ? this.#looks + 1 : 1;
    this.#seen = now;
    if (now === undefined || this.#looks < LOOKS) return;
    Object.assign(state, atAddress(state, now));
    await write(state);
    log.warn("This host has the address {now} in place of {before}", { now, before });
    if (!child.kept) return;
    if (state.store.kind === "own" && state.store.endpoints.length === 1) {
      log.warn(
        "It has the cluster's only vote: other hosts look for it at {before} until that is given back, or they leave (-f) " +
          "and join anew",
        { before },
      );
    }
    await child.stop();
    restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }
}

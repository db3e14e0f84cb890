/**
 * The network that carries uplinks.
 *
 * @module
 */
import type { NetworkRecord } from "../../model/records.ts";
import type { Context } from "../context.ts";
import type { CreateNetworks } from "./create.ts";
import { GATEWAY_NETWORK } from "./names.ts";

/** Creates the network of uplinks when the first uplink is needed. */
export class GatewayNetwork {
  readonly #context: Pick<Context, "state" | "locks" | "drivers">;
  readonly #creation: Pick<CreateNetworks, "make">;

  constructor(
    context: Pick<Context, "state" | "locks" | "drivers">,
    creation: Pick<CreateNetworks, "make">,
  ) {
    this.#context = context;
    this.#creation = creation;
  }

  /** The network, created where it is missing. */
  ensure(): Promise<NetworkRecord> {
    const { state, locks, drivers } = this.#context;
    return locks.networkName(GATEWAY_NETWORK, async () => {
      const existing = [...state.networks.values()].find(({ record }) => record.role === "gateway");
      if (existing) return existing.record;
      return await this.#creation.make({
        // Containers don't reach each other through it.
        request: { name: GATEWAY_NETWORK, options: { icc: "false" } },
        driver: drivers.get("bridge"),
        gateless: () => false,
      }, { predefined: true, role: "gateway" });
    });
  }
}

/**
 * The networks that every host has, and the default network.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { tryAgain } from "../../model/transaction.ts";
import type { CreateContext, CreateNetworks } from "./create.ts";
import { decideNetwork } from "./decide.ts";
import { checkDefaultNetwork, PREDEFINED } from "./names.ts";

/** `--default-network`: `DRIVER:NETWORK`, split. */
export interface DefaultNetwork {
  driver: string;
  network: string;
}

/** Creates networks without a request. */
export class PredefinedNetworks {
  readonly #context: CreateContext;
  readonly #creation: Pick<CreateNetworks, "create">;

  constructor(context: CreateContext, creation: Pick<CreateNetworks, "create">) {
    this.#context = context;
    this.#creation = creation;
  }

  /**
   * Creates the networks that every host has, and the default network, where they are missing. The reconciler makes
   * their kernel objects: at this point nothing in the kernel may be touched yet. {@linkcode ensureDefault} creates a
   * plugin's network.
   *
   * @throws {NetsvcError} `invalid` when the default network has another driver
   */
  async ensure(defaults: DefaultNetwork): Promise<void> {
    const { drivers, state } = this.#context;
    checkDefaultNetwork(
      drivers.get(defaults.driver),
      defaults.network,
      state.networkByName(defaults.network)?.record,
    );
    for (const [name, driver] of Object.entries(PREDEFINED)) {
      await this.#ensure(name, driver, { predefined: true });
    }
    const predefined = Object.hasOwn(PREDEFINED, defaults.network);
    await this.#ensure(defaults.network, defaults.driver, { predefined });
  }

  async #ensure(
    name: string,
    driverName: string,
    { predefined }: { predefined: boolean },
  ): Promise<void> {
    const { drivers, state } = this.#context;
    const driver = drivers.get(driverName);
    if (state.networkByName(name) || driver.capabilities.external) return;
    const gateless = () => driver.capabilities.gateway === "leg";
    await tryAgain(async () => {
      // Another host may create it at the same moment.
      if (state.networkByName(name)) return { done: undefined };
      const { network, transaction } = decideNetwork(
        this.#context,
        { request: { name }, driver, gateless },
        { predefined },
      );
      const outcome = await state.mirrorOf(network).commit(transaction);
      return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
    });
  }

  /** Creates the default network where it is missing and a plugin's, which may take a while. */
  async ensureDefault({ driver, network }: DefaultNetwork): Promise<void> {
    if (!this.#context.drivers.get(driver).capabilities.external) return;
    if (this.#context.state.networkByName(network)) return;
    try {
      await this.#creation.create({ name: network, driver });
    } catch (error) {
      // Another host may have created it at the same moment.
      if (!(error instanceof NetsvcError) || error.code !== "exists") throw error;
    }
  }
}

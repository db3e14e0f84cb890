/**
 * Sandboxes of containers, with what exists as long as they do: the record, the held ports, the watch of the
 * process. Own and adopted containers share this.
 *
 * @module
 */
import { errorChain } from "../../../../lib/api/errors.ts";
import { shortId } from "../../../../lib/api/names.ts";
import type { ProcessIdentity } from "../../../../lib/linux/processes/process_table.ts";
import {
  type AdoptedContainer,
  type ContainerRecord,
  ifAdopted,
  type OwnContainer,
} from "../../../model/container.ts";
import type { Sandboxes } from "../../../sandbox/sandboxes.ts";
import { type Context, log } from "../../context.ts";
import { type ContainerStore, gone } from "../container_store.ts";
import { HeldPorts } from "./held_ports.ts";

/** Opens and closes sandboxes: callers of all but {@linkcode SandboxHolder.equip} hold the container's lock. */
export class SandboxHolder {
  readonly #context: Context;
  readonly #sandboxes: Sandboxes;
  readonly #store: ContainerStore;
  readonly ports: HeldPorts;
  /** Sandboxes that are closing: `equip`, which has no lock, must not open them again. */
  readonly #closing = new Set<string>();

  constructor(
    context: Context,
    { sandboxes, store }: { sandboxes: Sandboxes; store: ContainerStore },
  ) {
    this.#context = context;
    this.#sandboxes = sandboxes;
    this.#store = store;
    this.ports = new HeldPorts(context);
  }

  /** Makes the record and the sandbox of a new container; each is rolled back when the other fails. */
  async open(container: OwnContainer): Promise<void> {
    const { id } = container;
    await this.#context.gate.shared(async () => {
      const ports = this.ports.hold(id, container.ports);
      try {
        await this.#store.create({ ...container, ports });
      } catch (error) {
        this.ports.release(id);
        throw error;
      }
      try {
        await this.#sandboxes.open(this.#store.own(id));
      } catch (error) {
        await this.#forget(id);
        throw error;
      }
    });
  }

  /** Gives an exited container its sandbox and its ports again. */
  async reopen(id: string, change: (container: OwnContainer) => OwnContainer): Promise<void> {
    await this.#context.gate.shared(async () => {
      this.ports.hold(id, this.#store.own(id).ports);
      try {
        await this.#store.changeOwn(id, change);
        await this.#sandboxes.reopen(this.#store.own(id));
      } catch (error) {
        this.ports.release(id);
        throw error;
      }
    });
  }

  /** Records an adopted container and pins its namespace; each is rolled back when the other fails. */
  async adopt(container: AdoptedContainer): Promise<void> {
    const { id } = container;
    await this.#context.gate.shared(async () => {
      const ports = this.ports.hold(id, container.ports);
      // The reconciler finds a namespace that is pinned and not recorded.
      const done = await Promise.allSettled([
        this.#store.putAdopted({ ...container, ports }),
        this.#sandboxes.pin(container),
      ]);
      const failure = done.find(({ status }) => status === "rejected");
      if (!failure) return;
      this.ports.release(id);
      if (this.#store.get(id)) await this.#forget(id);
      else await this.#sandboxes.close(container, true);
      throw (failure as PromiseRejectedResult).reason;
    });
  }

  /**
   * Serves names in the sandbox of an adopted container; does nothing when they are served.
   *
   * @throws {NetsvcError} `not_found` when it is gone or its sandbox is closing
   */
  async equip(id: string): Promise<void> {
    const container = ifAdopted(this.#store.current(id));
    if (!container || this.#closing.has(id) || container.state === "exited") throw gone(id);
    await this.#sandboxes.equip(container);
  }

  /** Removes sandbox and record; does nothing when they are gone. */
  forget(id: string): Promise<void> {
    return this.#context.gate.shared(() => this.#forget(id));
  }

  /** Closes the sandbox of a container that has exited; its record stays. */
  exit(id: string, exitCode?: number): Promise<void> {
    return this.#context.gate.shared(() =>
      this.#close(
        this.#store.current(id),
        false,
        () =>
          this.#store.change(id, ({ running: _, ...rest }) => ({
            ...rest,
            state: "exited",
            ...rest.kind === "own" && exitCode !== undefined && { exitCode },
          })),
      )
    );
  }

  async #forget(id: string): Promise<void> {
    const container = this.#store.get(id);
    if (container) await this.#close(container, true, () => this.#store.remove(id));
  }

  async #close(
    container: ContainerRecord,
    forget: boolean,
    write: () => Promise<void>,
  ): Promise<void> {
    const { id } = container;
    this.#closing.add(id);
    try {
      this.ports.release(id);
      await this.#sandboxes.close(container, forget);
      await write();
    } finally {
      this.#closing.delete(id);
    }
  }

  /** Reaps a container when its process ends; failures are logged. */
  watch(id: string, process: ProcessIdentity, reap: () => Promise<void>): void {
    this.#context.exits.watch(process, () => {
      reap().catch((error) =>
        log.error("Cannot reap container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    });
  }
}

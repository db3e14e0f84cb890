/**
 * Assembles what is done with containers that netsvc makes: a file of this folder for each action.
 *
 * @module
 */
import type { Container, CreateContainer } from "../../../lib/api/types.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Context } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Services } from "../services/services.ts";
import { ContainerEndpoints } from "./container_endpoints.ts";
import { ContainerStore } from "./container_store.ts";
import { Creation } from "./create.ts";
import { Reaper } from "./reap.ts";
import { Removal } from "./remove.ts";
import { Renames } from "./rename.ts";
import { Revival } from "./restart/revive.ts";
import { SandboxHolder } from "./sandbox/sandbox_holder.ts";
import { listContainers, showContainer } from "./show.ts";

/** What {@linkcode Containers} are made of. */
export interface ContainersParts {
  services: Services;
  attachments: Attachments;
  sandboxes: Sandboxes;
}

/** All actions on containers. */
export class Containers {
  readonly #context: Context;
  readonly #creation: Creation;
  readonly #renames: Renames;
  readonly store: ContainerStore;
  readonly holder: SandboxHolder;
  readonly endpoints: ContainerEndpoints;
  readonly removal: Removal;
  readonly reaper: Reaper;
  readonly revival: Revival;

  constructor(context: Context, { services, attachments, sandboxes }: ContainersParts) {
    this.#context = context;
    const store = this.store = new ContainerStore(context.state);
    const holder = this.holder = new SandboxHolder(context, { sandboxes, store });
    const endpoints = this.endpoints = new ContainerEndpoints(context, { services, attachments });
    const removal = this.removal = new Removal(context, { store, holder, endpoints, sandboxes });
    this.reaper = new Reaper(context, { store, holder, endpoints, sandboxes });
    this.revival = new Revival(context, { store, holder, endpoints });
    this.#creation = new Creation(context, { store, holder, endpoints, removal });
    this.#renames = new Renames(context, { store, services });
  }

  list(): Container[] {
    return listContainers(this.#context);
  }

  info(reference: string): Container {
    return showContainer(this.#context, this.store.find(reference));
  }

  /** Makes a container with its sandbox, on its networks; its process is started later. */
  create(request: CreateContainer): Promise<Container> {
    return this.#creation.create(request);
  }

  /** Renames a container and its own service. */
  rename(reference: string, name: string): Promise<Container> {
    return this.#renames.rename(reference, name);
  }
}

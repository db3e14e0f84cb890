/**
 * Creates containers with their sandbox, on their networks; their process is started later.
 *
 * @module
 */
import { checkName, shortId } from "../../../lib/api/names.ts";
import type { Container, CreateContainer } from "../../../lib/api/types.ts";
import type { OwnContainer } from "../../model/container.ts";
import { confirmed } from "../confirmed.ts";
import { type Context, newId, now } from "../context.ts";
import type { ContainerEndpoints } from "./container_endpoints.ts";
import type { ContainerStore } from "./container_store.ts";
import { networksOf, type Placement, placementOf } from "./placement.ts";
import type { Removal } from "./remove.ts";
import { checkRequest } from "./request_checks.ts";
import { parseRestart } from "./restart/restart_policy.ts";
import type { SandboxHolder } from "./sandbox/sandbox_holder.ts";
import { showContainer } from "./show.ts";

/** What {@linkcode Creation} works with. */
export interface CreationParts {
  store: ContainerStore;
  holder: SandboxHolder;
  endpoints: ContainerEndpoints;
  removal: Removal;
}

export class Creation {
  readonly #context: Context;
  readonly #parts: CreationParts;

  constructor(context: Context, parts: CreationParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async create(request: CreateContainer): Promise<Container> {
    const { holder, store } = this.#parts;
    if (request.name !== undefined) {
      checkName("container", request.name);
      store.checkName(request.name);
    }
    holder.ports.check(request.ports ?? []);
    await checkRequest(request);
    const networks = networksOf(request, this.#context.defaultNetwork);
    return await confirmed({ context: this.#context, networks }, () => this.#create(request));
  }

  async #create(request: CreateContainer): Promise<Container> {
    const id = newId();
    const { store, holder, endpoints, removal } = this.#parts;
    const placement = placementOf(this.#context, request);
    await endpoints.checkFree(placement, { ...request, id });
    return await this.#context.locks.container(id, async (held) => {
      await using rollback = new AsyncDisposableStack();
      await holder.open(recordOf(id, request, placement));
      rollback.defer(() => removal.rollback(held));
      await endpoints.attachAll(held, placement, rollback);
      await store.changeOwn(id, ({ creating: _, ...created }) => created);
      rollback.move();
      return showContainer(this.#context, store.own(id));
    });
  }
}

function recordOf(id: string, request: CreateContainer, placement: Placement): OwnContainer {
  const { name, hostname, ports = [], process, autoRemove = false } = request;
  const { stopSignal, stopTimeout } = request;
  const restart = parseRestart(request.restart ?? "no");
  return {
    kind: "own",
    id,
    ...name !== undefined && { name },
    created: now(),
    hostname: hostname ?? name ?? shortId(id),
    state: "created",
    creating: true,
    networkMode: placement.mode,
    ...placement.own !== undefined && { ownNetwork: placement.own },
    ports,
    ...process && { process },
    autoRemove,
    ...restart && { restart },
    ...stopSignal !== undefined && { stopSignal },
    ...stopTimeout !== undefined && { stopTimeout },
  };
}

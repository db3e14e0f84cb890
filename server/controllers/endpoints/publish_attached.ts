/**
 * Publishes a service and attaches a container to it, in one transaction.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import type { PublishService } from "../../../lib/api/types.ts";
import { InDoubt } from "../../model/in_doubt.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { together, tryAgain } from "../../model/transaction.ts";
import type { Held } from "../locks.ts";
import type { Owner, Publication, PublishServices, Settled } from "../services/publish.ts";
import { type AttachContext, awaitNetwork } from "./attach.ts";
import { beginAttempt, finishAttempt } from "./attempt.ts";
import { type AttachOptions, decideBackend } from "./specs/rules.ts";

const log = getLogger(["netsvc", "controllers"]);

/** How a service is published with its backend. */
export type PublishOptions = AttachOptions & { owner?: Owner | undefined };

/** What {@linkcode PublishAttached} works with. */
export interface PublishAttachedParts {
  context: AttachContext;
  publishing: PublishServices;
  /** Ends a service of a container whose lock is held. */
  end: (held: Held<"container">, service: string) => Promise<void>;
}

/** Publishes services with their backends; neither stays when the other fails. */
export class PublishAttached {
  readonly #context: AttachContext;
  readonly #publishing: PublishServices;
  readonly #end: PublishAttachedParts["end"];
  /** Services whose commit is in doubt, with the containers they were for. */
  readonly #inDoubt: InDoubt<string>;

  constructor({ context, publishing, end }: PublishAttachedParts) {
    this.#context = context;
    this.#publishing = publishing;
    this.#end = end;
    this.#inDoubt = new InDoubt(
      context.state,
      "service",
      (service, container) => this.#endLate(service, container),
    );
  }

  /** @param then a further step: when it fails, the service is rolled back */
  async publish(
    held: Held<"container">,
    request: PublishService,
    { owner, then, ...options }: PublishOptions & {
      then?: (service: ServiceRecord) => Promise<void>;
    } = {},
  ): Promise<ServiceRecord> {
    const publication = await this.#publishing.prepare(request, owner);
    await awaitNetwork(this.#context.locks, publication.network);
    let id: string | undefined;
    try {
      const service = await this.#publishing.provide(publication, (settled) => {
        id = settled.id;
        return this.#context.locks.service(
          id,
          () => this.#publish(publication, settled, { ...options, container: held.id }),
        );
      });
      await then?.(service);
      return service;
    } catch (error) {
      if (id !== undefined) await this.#rollBack(held, id, error);
      throw error;
    }
  }

  #publish(
    publication: Publication,
    settled: Settled,
    backend: AttachOptions & { container: string },
  ): Promise<ServiceRecord> {
    const lost = new Set<string>();
    const { driver, network } = publication;
    return tryAgain(() =>
      driver.change(async (changes) => {
        const attempt = await this.#publishing.inTurn(network.id, async () => {
          const published = this.#publishing.decide(publication, lost, settled);
          const { service, transaction } = decideBackend(this.#context, {
            ...backend,
            service: published.service,
          });
          const attempt = beginAttempt(this.#context, {
            changes,
            service,
            transaction: together(
              serviceRecords.create(service, published.network),
              published.transaction,
              transaction,
            ),
          });
          await attempt.halves.committed.catch(() => {}); // The next publish may decide once this commit has settled.
          return attempt;
        });
        const outcome = await finishAttempt(this.#context, attempt);
        if ("conflict" in outcome) lost.add(outcome.conflict);
        return outcome;
      })
    );
  }

  async #rollBack(held: Held<"container">, id: string, error: unknown): Promise<void> {
    const service = this.#context.state.services.get(id)?.record;
    if (!service) return this.#inDoubt.note(id, held.id, error);
    // A user on another host has attached a container of that host.
    if (service.backend && service.backend.container !== held.id) return;
    try {
      await this.#end(held, id);
    } catch (cause) {
      log.error("Cannot roll back service {name}: {cause}", {
        name: service.name,
        cause: errorChain(cause).join(": "),
      });
    }
  }

  /** The late service may have been taken over: it ends only if the backend is still ours. */
  async #endLate(id: string, container: string): Promise<void> {
    await this.#context.locks.container(container, async (held) => {
      const service = this.#context.state.services.get(id)?.record;
      if (service?.backend?.container === container) await this.#end(held, id);
    });
  }
}

/**
 * Resolvers inside of sandboxes: each serves its container's view of the networks, an adopted one's with a
 * forwarder of its own to whom it asked before.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import type { HostResolvConf } from "../../dns/files/resolv_conf.ts";
import type { ServedSandbox } from "../../dns/served_sandbox.ts";
import type { ResolverServer } from "../../dns/server.ts";
import { Forwarder } from "../../dns/upstream/forwarder.ts";
import type { Views } from "../../dns/zones/views.ts";
import { type AdoptedContainer, type ContainerRecord, ifAdopted } from "../../model/container.ts";
import { type AdoptedFileWriter, adoptedUpstreams } from "../files/adopted_file_writer.ts";
import type { Namespaces } from "../netns.ts";
import type { OpenedSockets } from "./resolver_sockets.ts";
import { ResolverSpares } from "./resolver_spares.ts";

const log = getLogger(["netsvc", "sandbox"]);

/** What {@linkcode Resolvers} work with. */
export interface ResolversOptions {
  namespaces: Namespaces;
  resolver: ResolverServer;
  /** Opens the sockets of a resolver inside the namespace at `path`. */
  resolverSockets: (path: string, hostname?: string, kept?: number) => OpenedSockets;
  views: Views;
  hostResolvConf: HostResolvConf;
  runDir: string;
}

/** Whom a container asked before netsvc, and in which domains. */
interface Asked {
  upstreams: string[];
  search: string[];
}

/** Serves names. */
export class Resolvers {
  readonly #options: ResolversOptions;
  readonly #files: AdoptedFileWriter;
  readonly #served = new Map<string, ServedSandbox>();
  /** Forwarders of sandboxes that have their own, and what they go by as far as that is known. */
  readonly #forwarders = new Map<string, Forwarder>();
  readonly #before = new Map<string, Asked>();
  readonly #spares: ResolverSpares;
  readonly #standIns = new Map<string, () => number>();

  constructor(options: ResolversOptions, files: AdoptedFileWriter) {
    this.#options = options;
    this.#files = files;
    this.#spares = new ResolverSpares(options.runDir);
  }

  has(id: string): boolean {
    return this.#served.has(id);
  }

  /** Number of sandboxes whose names are served. */
  get size(): number {
    return this.#served.size;
  }

  /** Serves the names of a container whose sandbox is there; harmless twice. */
  serve(record: ContainerRecord): void {
    const { id } = record;
    if (this.#served.has(id)) return;
    const { namespaces, resolver, resolverSockets, views } = this.#options;
    const path = namespaces.path(id);
    const adopted = ifAdopted(record);
    const sockets = resolverSockets(path, adopted?.resolver, this.#spares.take(id));
    if (sockets.spare !== undefined) this.#spares.keep(id, sockets.spare);
    if (sockets.standIn) this.#standIns.set(id, sockets.standIn);
    const view = views.view(id);
    const before = adopted && this.#forwarder(adopted, path);
    this.#served.set(id, resolver.serve(sockets, view, before));
  }

  /** Whom the container asked before may know names that nobody else does, and be reached only from there. */
  #forwarder(container: AdoptedContainer, path: string) {
    const { resolver } = this.#options;
    const forwarder = new Forwarder(
      () => this.#askedBefore(container).upstreams.map((hostname) => ({ hostname })),
      {
        within: (action) => inNamespace(path, action),
        // While an engine's resolver inside is away nobody else can say that a name doesn't exist.
        ...container.upstreams.length === 0 && { otherwise: resolver.forwarder },
      },
    );
    this.#forwarders.set(container.id, forwarder);
    return { forwarder, search: () => this.#askedBefore(container).search };
  }

  #askedBefore(container: AdoptedContainer): Asked {
    let asked = this.#before.get(container.id);
    if (!asked) {
      const files = this.#files.of(container.id);
      const handedOn = this.#options.hostResolvConf.handedOn();
      asked = {
        upstreams: adoptedUpstreams(container, { before: files.nameserversBefore(), handedOn }),
        search: files.searchBefore(),
      };
      this.#before.set(container.id, asked);
    }
    return asked;
  }

  /** Its files have changed: whom it asked before is looked up again. */
  forgetBefore(id: string): void {
    this.#before.delete(id);
  }

  /** The view of a container has changed. */
  update(id: string): void {
    this.#served.get(id)?.update(this.#options.views.view(id));
  }

  /** What ends the resolver of a sandbox, each step whatever became of those before. */
  closing(id: string): (() => Promise<unknown>)[] {
    const served = this.#served.get(id);
    const forwarder = this.#forwarders.get(id);
    this.#served.delete(id);
    this.#standIns.delete(id);
    this.#forwarders.delete(id);
    this.#before.delete(id);
    return [
      async () => await served?.close(),
      () => Promise.try(() => this.#spares.forget(id)),
      async () => await forwarder?.close(),
    ];
  }

  /** Ends all of them: what was asked is answered, what is asked from here on waits for the next daemon. */
  async stop(): Promise<void> {
    for (const [id, standIn] of this.#standIns) {
      try {
        this.#spares.keep(id, standIn());
      } catch (error) {
        log.debug("No spare socket stands in: {error}", { error });
      }
    }
    this.#spares.close();
    await Promise.all([...this.#served.values()].map((served) => served.finish()));
    this.#served.clear();
    await Promise.all([...this.#forwarders.values()].map((forwarder) => forwarder.close()));
    this.#forwarders.clear();
  }
}

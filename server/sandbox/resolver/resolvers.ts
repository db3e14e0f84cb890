/**
 * Resolvers inside sandboxes: each serves its container's view of the networks; an adopted container's has a
 * forwarder of its own to the servers that the container used before.
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

/** Options of {@linkcode Resolvers}. */
export interface ResolversOptions {
  namespaces: Namespaces;
  resolver: ResolverServer;
  /** Opens the sockets of a resolver inside the namespace at `path`. */
  resolverSockets: (path: string, hostname?: string, kept?: number) => OpenedSockets;
  views: Views;
  hostResolvConf: HostResolvConf;
  runDir: string;
}

/** The servers and search domains that a container used before netsvc. */
interface Asked {
  upstreams: string[];
  search: string[];
}

/** Serves the names of sandboxes. */
export class Resolvers {
  readonly #options: ResolversOptions;
  readonly #files: AdoptedFileWriter;
  readonly #served = new Map<string, ServedSandbox>();
  /** Forwarders of sandboxes that have their own, and the settings they use as far as those are known. */
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

  /** Serves the names of a container that has a sandbox; harmless twice. */
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

  /** The container's earlier servers may know names that no others do, and be reachable only from its sandbox. */
  #forwarder(container: AdoptedContainer, path: string) {
    const { resolver } = this.#options;
    const forwarder = new Forwarder(
      () => this.#askedBefore(container).upstreams.map((hostname) => ({ hostname })),
      {
        within: (action) => inNamespace(path, action),
        // While an engine's resolver inside is down, no other server can say that a name doesn't exist.
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

  /** Reads a container's earlier servers again, after its files have changed. */
  forgetBefore(id: string): void {
    this.#before.delete(id);
  }

  /** Uses the changed view of a container. */
  update(id: string): void {
    this.#served.get(id)?.update(this.#options.views.view(id));
  }

  /** The steps that end the resolver of a sandbox, each to be run even if earlier ones failed. */
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

  /** Ends all resolvers: answers the queries that have arrived; later ones wait for the next daemon. */
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

/**
 * Resolvers inside sandboxes: each serves its container's view of the networks; an adopted container's has a
 * forwarder of its own to the servers that the container used before.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { closeFd } from "../../../lib/linux/libc.ts";
import type { HostResolvConf } from "../../dns/files/resolv_conf.ts";
import type { OwnServers } from "../../dns/thread/messages.ts";
import type { NamesServer } from "../../dns/thread/resolver_thread.ts";
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
  /** Answers on the sockets. */
  names: NamesServer;
  /** Opens the sockets of a resolver inside the namespace at `path`. */
  resolverSockets: (path: string, hostname?: string, kept?: number) => OpenedSockets;
  views: Views;
  hostResolvConf: HostResolvConf;
  runDir: string;
}

/** Serves the names of sandboxes. */
export class Resolvers {
  readonly #options: ResolversOptions;
  readonly #files: AdoptedFileWriter;
  /** Sandboxes that are served: their sockets, and the records of adopted containers. */
  readonly #served = new Map<string, { sockets: OpenedSockets; adopted?: AdoptedContainer }>();
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
    const { namespaces, names, resolverSockets } = this.#options;
    const adopted = ifAdopted(record);
    const sockets = resolverSockets(namespaces.path(id), adopted?.resolver, this.#spares.take(id));
    const { udp, tcp, waiting, spare, standIn } = sockets;
    if (spare !== undefined) this.#spares.keep(id, spare);
    if (standIn) this.#standIns.set(id, standIn);
    this.#served.set(id, { sockets, ...adopted && { adopted } });
    names.serve(id, { udp, tcp, ...waiting && { waiting } }, adopted && this.#askedBefore(adopted));
  }

  /** The container's earlier servers may know names that no others do, and be reachable only from its sandbox. */
  #askedBefore(container: AdoptedContainer): OwnServers {
    const { hostResolvConf, namespaces } = this.#options;
    const files = this.#files.of(container.id);
    const handedOn = hostResolvConf.handedOn();
    return {
      path: namespaces.path(container.id),
      servers: adoptedUpstreams(container, { before: files.nameserversBefore(), handedOn }),
      search: files.searchBefore(),
      // While an engine's resolver inside is down, no other server can say that a name doesn't exist.
      otherwise: container.upstreams.length === 0,
    };
  }

  /** Reads a container's earlier servers again, after its files have changed. */
  forgetBefore(id: string): void {
    const adopted = this.#served.get(id)?.adopted;
    if (adopted) this.#options.names.useOwn(id, this.#askedBefore(adopted));
  }

  /** The steps that end the resolver of a sandbox, each to be run even if earlier ones failed. */
  closing(id: string): (() => Promise<unknown>)[] {
    const served = this.#served.get(id);
    this.#served.delete(id);
    this.#standIns.delete(id);
    return [
      async () => await this.#options.names.end(id),
      () => Promise.try(() => served && closeSockets(served.sockets)),
      () => Promise.try(() => this.#spares.forget(id)),
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
    await Promise.all([...this.#served].map(async ([id, { sockets }]) => {
      await this.#options.names.end(id, true);
      closeSockets(sockets);
    }));
    this.#served.clear();
  }
}

/** Closes sockets that aren't used any more. */
function closeSockets({ udp, tcp }: OpenedSockets): void {
  closeFd(udp);
  closeFd(tcp);
}

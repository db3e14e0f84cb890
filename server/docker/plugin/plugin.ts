/**
 * netsvc as Docker's plugin: its socket, and the comparison of Docker's endpoints with netsvc's, since either
 * program may have been down while the other kept running.
 *
 * @module
 */
import type { Attachments } from "../../controllers/endpoints/attachments.ts";
import { type Context, log } from "../../controllers/context.ts";
import type { AdoptedContainers } from "../../controllers/adopted/adopted.ts";
import type { Networks } from "../../controllers/networks/networks.ts";
import type { Services } from "../../controllers/services/services.ts";
import type { UnixServer } from "../../http/listen/unix_server.ts";
import { listenUnix } from "../../http/listen/listen.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { Bindings, type EndpointBinding } from "../../model/repository/docker.ts";
import { DockerEndpoints } from "../../controllers/docker/plugin/endpoints.ts";
import { DriverMethods } from "./driver_methods.ts";
import { IpamMethods } from "./ipam_methods.ts";
import { DockerNetworks } from "../../controllers/docker/plugin/networks.ts";
import { Plugs } from "../../controllers/docker/plugin/plugs.ts";
import { pluginHandler } from "./protocol.ts";

/** Time after which Docker's listings contain what it was creating, in milliseconds. */
const SETTLED_MS = 60_000;

/** Time for Docker's calls under way to finish at shutdown, in milliseconds. */
const SHUTDOWN_MS = 5_000;

/** Options of {@linkcode DockerPlugin}. */
export interface DockerPluginOptions {
  context: Context;
  services: Services;
  networks: Networks;
  attachments: Attachments;
  adopted: AdoptedContainers;
  sandboxes: Sandboxes;
  docker: Docker;
  /** Path of the plugin's socket. */
  socket: string;
}

export class DockerPlugin {
  readonly #options: DockerPluginOptions;
  readonly #bindings: Bindings;
  readonly #endpoints: DockerEndpoints;
  readonly #networks: DockerNetworks;
  readonly #plugs: Plugs;
  readonly #handler: (request: Request) => Promise<Response>;
  #server: { http: UnixServer; inode: number | null } | undefined;
  #sweeping: Promise<void> | undefined;
  #closed = false;

  constructor(options: DockerPluginOptions) {
    this.#options = options;
    const { context } = options;
    const bindings = this.#bindings = new Bindings(context.state.local);
    const endpoints = this.#endpoints = new DockerEndpoints({ ...options, bindings });
    const networks = this.#networks = new DockerNetworks({ ...options, bindings });
    const plugs = this.#plugs = new Plugs({ ...options, endpoints });
    options.networks.users.push((network) => networks.user(network));
    const { locks } = context;
    this.#handler = pluginHandler({
      ...new DriverMethods({ locks, bindings, networks, endpoints, plugs }).methods(),
      ...new IpamMethods({ locks, bindings, networks, endpoints }).methods(),
    });
  }

  /** Whether the daemon must follow a network because Docker's endpoints are on it. */
  needs(network: string): boolean {
    return this.#bindings.endpoints().some((endpoint) => endpoint.network === network);
  }

  /** Serves the socket, and serves it again if it was removed. @throws {NetsvcError} `in_use` */
  async serve(): Promise<void> {
    const { socket } = this.#options;
    const info = await Deno.lstat(socket).catch(() => undefined);
    if (this.#closed || this.#server && info?.ino === this.#server.inode) return;
    await this.#stop();
    await Deno.mkdir(socket.slice(0, socket.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    const http = await listenUnix(socket, this.#handler);
    this.#server = { http, inode: (await Deno.lstat(socket)).ino };
    log.info("Serves Docker as its plugin at {socket}", { socket });
  }

  /**
   * Compares Docker's endpoints with netsvc's: releases those that Docker no longer has, and attaches those
   * that aren't attached. Does nothing while Docker can't be reached.
   */
  sweep(): Promise<void> {
    return this.#sweeping ??= this.#sweep().catch((error) =>
      log.debug("Cannot compare with Docker: {cause}", { cause: errorChain(error).join(": ") })
    ).finally(() => this.#sweeping = undefined);
  }

  async #sweep(): Promise<void> {
    const of = Map.groupBy(this.#bindings.endpoints(), ({ dockerNetwork }) => dockerNetwork);
    const known = new Set([
      ...[...of.keys()].filter((id) => id !== undefined),
      ...this.#bindings.networks().map(({ id }) => id),
    ]);
    for (const id of known) {
      const network = await this.#options.docker.network(id);
      for (const binding of of.get(id) ?? []) {
        const there = network?.endpoints.has(binding.endpoint!) ?? false;
        await this.#settle(binding, there);
      }
      if (!network) await this.#networks.forget(id);
    }
    for (const binding of of.get(undefined) ?? []) await this.#settle(binding, false);
    for (const { id, dockerNetwork, created } of this.#bindings.pools()) {
      const used = dockerNetwork !== undefined && this.#bindings.network(dockerNetwork);
      if (!used && isOld(created)) await this.#bindings.deletePool(id);
    }
  }

  async #settle(binding: EndpointBinding, there: boolean): Promise<void> {
    try {
      if (there) {
        const wanted = binding.sandbox !== undefined && this.#endpoints.service(binding);
        const done = this.#endpoints.isPlugged(binding) || this.#plugs.has(binding);
        if (wanted && !done) this.#plugs.begin(binding);
        return;
      }
      if (!isOld(binding.created)) return;
      await this.#plugs.stop(binding);
      await this.#options.context.locks.dockerEndpoint(
        binding,
        () => this.#endpoints.release(binding),
      );
    } catch (error) {
      log.warn("Cannot settle an endpoint of Docker's: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.http.shutdown(SHUTDOWN_MS);
  }

  /** Stops serving; endpoints of Docker's containers stay. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#plugs.close();
    await this.#stop();
    await this.#sweeping;
  }
}

function isOld(created: string): boolean {
  return Date.now() - Date.parse(created) > SETTLED_MS;
}

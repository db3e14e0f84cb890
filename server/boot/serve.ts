/**
 * The daemon's API, served on all its addresses.
 *
 * @module
 */
import { libc } from "../../lib/linux/libc.ts";
import { DockerApi } from "../docker/api/docker_api.ts";
import { DOCKER_HOSTS } from "../docker/api/version.ts";
import { type AppOptions, createApp } from "../http/app.ts";
import { EventLog } from "../http/events.ts";
import type { GuardOptions } from "../http/guard.ts";
import { CredentialWatch } from "../http/listen/credentials.ts";
import { type ListenAddress, listenUnix, TcpApi } from "../http/listen/listen.ts";
import { type HostsByCertificate, MemberApi } from "../http/listen/member_api.ts";
import type { Handler } from "../http/listen/connection.ts";
import type { UnixServer } from "../http/listen/unix_server.ts";
import { paced, requestTurns } from "../http/paced.ts";
import { patient } from "../http/patience.ts";
import type { ServiceRecord } from "../model/records.ts";
import type { State } from "../model/state.ts";
import type { Boot } from "./boot.ts";
import type { Parts } from "./wire.ts";
import { wireDocker } from "./wire/docker.ts";

/** Time for requests under way to finish at shutdown, in milliseconds. */
const SHUTDOWN_MS = 5_000;

/** The served API. */
export interface Api {
  /** Reloads the credentials from their files. */
  renew(): void;
}

/**
 * Serves the API, and the Docker plugin.
 *
 * @throws {NetsvcError} `in_use`: another program listens on an address
 */
export async function serve(boot: Boot, parts: Parts): Promise<Api> {
  const { plan: { addresses, hostName }, stack } = boot;
  const app = openApp(boot, parts);
  const credentials = new CredentialWatch(boot.plan.settings, boot.plan.credentials);
  stack.defer(() => credentials.close());
  const servers: (UnixServer | TcpApi | MemberApi)[] = [];
  stack.defer(async () => {
    await Promise.all(servers.map((server) => server.shutdown(SHUTDOWN_MS)));
  });
  const turns = requestTurns(() => libc().sched_yield());
  for (const address of addresses) {
    const hosts = parts.member?.certificates;
    const api = createApp(
      app,
      guardFor(address, { hostName, credentials, ...hosts && { hosts } }),
    );
    const handler: Handler = paced(turns, patient((request) => api.fetch(request), turns));
    if (address.kind === "unix") {
      servers.push(await listenUnix(address.path, handler));
    } else {
      const { current, current: { tls } } = credentials;
      const options = { handler, listeners: addresses.length };
      const server = hosts && tls
        ? await MemberApi.open(address, { tls, hosts, options })
        : new TcpApi(address, current, options);
      servers.push(server);
      credentials.renewed.subscribe((renewed) => server.renew(credentials.current, renewed));
    }
  }
  await parts.dockerPlugin?.serve();
  // Not awaited: Docker may be starting, and may itself be waiting for this daemon.
  parts.dockerPlugin?.sweep();
  const { restarts } = parts.controllers;
  stack.defer(() => restarts.close());
  restarts.begin();
  return { renew: () => credentials.look() };
}

function openApp(boot: Boot, parts: Parts): AppOptions {
  const { plan: { version, exposure }, metrics } = boot;
  const { controllers, clusters, stores: { shared, state }, host, doctor } = parts;
  const events = new EventLog(state);
  metrics.watch({
    networks: () => state.networks.size,
    services: () => count(state, () => true),
    attachedServices: () => count(state, (service) => state.backendsOf(service).length > 0),
    containers: () => state.containers.size,
    sandboxes: () => host.sandboxes.size,
  });
  metrics.watchTunnel(async () => await parts.encryption?.peers() ?? []);
  return {
    ...controllers,
    clusters,
    doctor,
    docker: new DockerApi(wireDocker(boot, { ...parts, events })),
    metrics,
    version,
    events,
    storeExposure: exposure,
    storeAway: () => {
      const since = shared.link?.away?.since;
      return since && Math.max(1, Math.round((Date.now() - since) / 1000));
    },
  };
}

/** Input of {@linkcode guardFor}. */
export interface GuardedBy {
  hostName: string;
  credentials: Pick<CredentialWatch, "current">;
  /** Knows the cluster's hosts by their certificates. */
  hosts?: Pick<HostsByCertificate, "hostOf">;
}

/** The guard's options for one listen address. */
export function guardFor(
  address: ListenAddress,
  { hostName, credentials, hosts }: GuardedBy,
): GuardOptions {
  if (address.kind === "unix") return { hosts: DOCKER_HOSTS, unix: true };
  return {
    hosts: [address.hostname.toLowerCase(), hostName.toLowerCase()],
    tokens: () => credentials.current.tokens,
    ...hosts && { hostOf: (certificate) => hosts.hostOf(certificate) },
  };
}

/** Number of services, those of containers among them, that pass. */
function count(state: State, passes: (service: ServiceRecord) => boolean): number {
  return state.services.values()
    .filter(({ record }) => record.of === undefined && passes(record)).toArray().length;
}

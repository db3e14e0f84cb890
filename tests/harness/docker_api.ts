/**
 * Docker's API in this process: a daemon's parts on a machine without a kernel, before an engine whose
 * containers are only told of.
 *
 * @module
 */
import { libc } from "../../lib/linux/libc.ts";
import { wireDocker } from "../../server/boot/wire/docker.ts";
import { openHost } from "../../server/boot/open/host.ts";
import { openStores } from "../../server/boot/open/stores.ts";
import { type Parts, wire } from "../../server/boot/wire.ts";
import { startRounds } from "../../server/boot/rounds.ts";
import type { DockerContext } from "../../server/docker/api/context.ts";
import { DockerApi } from "../../server/docker/api/docker_api.ts";
import { EventLog } from "../../server/http/events.ts";
import { bootSubject } from "./boot.ts";
import { TinyEngine } from "./tiny_engine.ts";

libc(); // It stays loaded, whichever test comes first.

/** What tests look at of an object or an error. */
export interface Shown {
  message: string;
  Id: string;
  Name: string;
  Warning: string;
  Warnings: string[];
  Labels: Record<string, string>;
  ConfigOnly: boolean;
  IPAM: { Config: { Subnet: string }[] };
  Config: Record<string, unknown>;
  HostConfig: { NetworkMode: string };
  NetworkSettings: { Networks: Record<string, { NetworkID: string }> };
}

/** See the module. */
export interface DockerSubject extends AsyncDisposable {
  engine: TinyEngine;
  api: DockerApi;
  docker: DockerContext;
  parts: Parts;
  /** Asks the API; a body is sent as JSON. */
  ask<T = Shown>(request: string, body?: unknown): Promise<{ status: number; body: T }>;
}

/** Makes one. */
export async function dockerSubject(): Promise<DockerSubject> {
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(new TinyEngine());
  const subject = stack.use(bootSubject());
  const boot = stack.use(await subject.boot({ dockerSocket: engine.socket }));
  const stores = await openStores(boot);
  const host = await openHost(boot, stores);
  const parts = await wire(boot, { stores, host });
  await startRounds(boot, parts);
  const docker = wireDocker(boot, { ...parts, events: new EventLog(stores.state) });
  const api = new DockerApi(docker);
  const rest = stack.move();
  return {
    ...{ engine, api, docker, parts },
    ask: async (request, body) => {
      const [method, path] = request.split(" ") as [string, string];
      const response = await api.fetch(
        new Request(`http://docker${path}`, {
          method,
          ...body !== undefined && {
            body: JSON.stringify(body),
            headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
          },
        }),
      );
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

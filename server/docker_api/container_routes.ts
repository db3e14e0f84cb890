/**
 * What of `/containers` concerns networks; all of it is the engine's to do.
 *
 * @module
 */
import { Anything, readJson } from "./bodies.ts";
import type { Connections } from "./connections.ts";
import { rewriteContainerCreate } from "./container_create.ts";
import {
  mergeNetworks,
  mergePortList,
  mergePortMap,
  type ShownContainer,
} from "./container_shape.ts";
import { type DockerApiOptions, type DockerApp, json } from "./docker_api.ts";
import { type Inspected } from "./engine_socket.ts";
import { forward, target } from "./forward.ts";
import { MAX_VERSION, splitVersion } from "./version.ts";
import { NetsvcError } from "../wire/errors.ts";

/** Calls that start a container, and those after which it may have ended. */
const STARTING = "/containers/:id/:action{start|restart}";
const ENDING = "/containers/:id/:action{stop|kill}";

/** Adds the routes. */
export function containerRoutes(
  app: DockerApp,
  { engine, context }: DockerApiOptions,
  connections: Connections,
): void {
  const { state } = context;

  /** The command takes any 404 of a creation for a missing image, and pulls it. */
  const networkOf = (reference: string) => {
    try {
      return connections.network(reference);
    } catch (error) {
      const missing = error instanceof NetsvcError && error.code === "not_found";
      throw missing ? new NetsvcError("invalid", error.message, { cause: error.cause }) : error;
    }
  };

  app.post("/containers/create", async (c) => {
    await engine.check(c.req.path);
    const body = await readJson(c.req.raw, Anything);
    const changed = rewriteContainerCreate(
      body,
      networkOf,
      context.defaultNetwork,
    );
    return await forward(engine, c.req.raw, { body: JSON.stringify(changed ?? body) });
  });

  app.post(STARTING, async (c) => {
    await engine.check(c.req.path);
    const inspected = await connections.inspect(c.req.param("id"));
    return await startContainer(inspected, c.req.raw);
  });

  async function startContainer(inspected: Inspected, request: Request): Promise<Response> {
    let running = false;
    try {
      return await connections.start(inspected, async () => {
        const result = await forward(engine, request);
        running = result.ok;
        return { ok: result.ok, result };
      });
    } catch (error) {
      // As with Docker: what can't have its networks doesn't run, and goes if it was to go then.
      const path = `/containers/${inspected.Id}`;
      if (running) await engine.act("POST", `${path}/kill`).catch(() => {});
      else if (inspected.HostConfig.AutoRemove && !inspected.State.Running) {
        await engine.act("DELETE", path).catch(() => {});
      }
      throw error;
    }
  }

  app.post(ENDING, async (c) => {
    await engine.check(c.req.path);
    const { Id } = await connections.inspect(c.req.param("id"));
    const answer = await forward(engine, c.req.raw);
    if (answer.ok) await connections.ended(Id);
    return answer;
  });

  app.delete("/containers/:id", async (c) => {
    await engine.check(c.req.path);
    const { Id } = await connections.inspect(c.req.param("id"));
    const answer = await forward(engine, c.req.raw);
    if (answer.ok) await connections.removed(Id);
    return answer;
  });

  app.get("/containers/:id/json", async (c) => {
    const answer = await forward(engine, c.req.raw);
    if (answer.status !== 200) return answer;
    const shown = await answer.json() as ShownContainer & {
      Config?: { Labels?: Record<string, string> | null };
    };
    mergeNetworks(shown, state, connections.wanted(shown.Id, shown.Config?.Labels), {
      version: versionOf(c.req.raw),
      listed: false,
    });
    mergePortMap(shown, state);
    return json(c, shown);
  });

  app.get("/containers/json", async (c) => {
    const { path, networks } = withoutNetworkFilter(target(c.req.raw));
    const answer = await forward(engine, c.req.raw, { path });
    if (answer.status !== 200) return answer;
    const all = await answer
      .json() as (ShownContainer & { Labels?: Record<string, string> | null })[];
    for (const shown of all) {
      mergeNetworks(shown, state, connections.wanted(shown.Id, shown.Labels), {
        version: versionOf(c.req.raw),
        listed: true,
      });
      mergePortList(shown, state);
    }
    return json(c, networks.length === 0 ? all : all.filter((shown) => isOn(shown, networks)));
  });
}

/** The version that a request is made in; without one it is the newest that is spoken. */
function versionOf(request: Request): string {
  return splitVersion(new URL(request.url).pathname).version ?? MAX_VERSION;
}

/** The networks of `?filters=`, which the engine doesn't know, taken out of a path. */
function withoutNetworkFilter(path: string): { path: string; networks: string[] } {
  const url = new URL(path, "http://docker");
  const text = url.searchParams.get("filters");
  if (!text) return { path, networks: [] };
  try {
    const { network, ...others } = JSON.parse(text) as Record<string, unknown>;
    if (network === undefined) return { path, networks: [] };
    url.searchParams.set("filters", JSON.stringify(others));
    const networks = Array.isArray(network) ? network.map(String) : Object.keys(Object(network));
    return { path: url.pathname + url.search, networks };
  } catch (cause) {
    throw new NetsvcError("invalid", "The filters are no JSON object", { cause });
  }
}

/** Whether a container is on one of some networks, by name or the beginning of an id. */
function isOn({ NetworkSettings }: ShownContainer, networks: string[]): boolean {
  const on = (NetworkSettings?.Networks ?? {}) as Record<string, { NetworkID?: string }>;
  return Object.entries(on).some(([name, { NetworkID }]) =>
    networks.some((wanted) =>
      wanted === name || (wanted !== "" && (NetworkID?.startsWith(wanted) ?? false))
    )
  );
}

/**
 * What of `/containers` concerns networks; all of it is the engine's to do.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Anything, readJson } from "../bodies.ts";
import type { Connections } from "../connections.ts";
import { readContainerCreate } from "./container_create.ts";
import { fitsContainer, splitContainerFilters } from "./container_filters.ts";
import {
  mergeFailure,
  mergeNetworks,
  mergePortList,
  mergePortMap,
  type ShapeOptions,
  type ShownContainer,
} from "./container_shape.ts";
import { type DockerApiOptions, type DockerApp, json } from "../docker_api.ts";
import type { Inspected } from "../../../engines/docker/inspected.ts";
import { forward, target } from "../forward/forward.ts";
import { dockerName } from "../networks/network_names.ts";
import { MAX_VERSION, splitVersion } from "../version.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { LABEL, writeLabel } from "../wanted.ts";

const log = getLogger(["netsvc", "docker"]);

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
      const network = connections.network(reference);
      return { id: network.id, name: dockerName(network) };
    } catch (error) {
      const missing = error instanceof NetsvcError && error.code === "not_found";
      throw missing ? new NetsvcError("invalid", error.message, { cause: error.cause }) : error;
    }
  };

  app.post("/containers/create", async (c) => {
    await engine.check(c.req.path);
    const asked = await readJson(c.req.raw, Anything);
    const { body, wanted, links, warnings } = readContainerCreate(
      asked,
      networkOf,
      context.defaultNetwork,
    );
    for (const link of links) await connections.checkLink(link);
    if (!wanted) return await forward(engine, c.req.raw, { body: JSON.stringify(body) });
    const key = await connections.store.announce(wanted);
    const Labels = { ...body.Labels as Record<string, string>, [LABEL]: writeLabel(key, wanted) };
    // Without an answer the container may be made all the same: then it is known by its key.
    const answer = await forward(engine, c.req.raw, { body: JSON.stringify({ ...body, Labels }) });
    if (answer.status !== 201) {
      await connections.store.withdraw(key);
      return answer;
    }
    const made = await answer.json() as { Id: string; Warnings?: string[] | null };
    await connections.store.made(key, made.Id, wanted);
    return json(c, { ...made, Warnings: [...made.Warnings ?? [], ...warnings] }, 201);
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
      if (running) await engine.client.act("POST", `${path}/kill`).catch(() => {});
      else if (inspected.HostConfig.AutoRemove && !inspected.State.Running) {
        await engine.client.act("DELETE", path).catch(() => {});
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
    await adopted();
    const answer = await forward(engine, c.req.raw);
    if (answer.status !== 200) return answer;
    const shown = await answer.json() as ShownContainer;
    mergeNetworks(shown, shape(c.req.raw, false), connections.store.get(shown.Id));
    mergePortMap(shown, state);
    mergeFailure(shown, connections.failures.get(shown.Id));
    return json(c, shown);
  });

  app.get("/containers/json", async (c) => {
    await adopted();
    const { path, filters } = splitContainerFilters(target(c.req.raw));
    const answer = await forward(engine, c.req.raw, { path });
    if (answer.status !== 200) return answer;
    const all = await answer.json() as ShownContainer[];
    for (const shown of all) {
      mergeNetworks(shown, shape(c.req.raw, true), connections.store.get(shown.Id));
      mergePortList(shown, state, connections.exposed.get(shown.Id));
    }
    return json(c, filters ? all.filter(fitsContainer(filters)).slice(0, filters.limit) : all);
  });

  /** What an earlier version left is shown as it is, from the first answer on. */
  async function adopted(): Promise<void> {
    await connections.store.adopt().catch((cause) => log.debug("{cause}", { cause }));
  }

  function shape(request: Request, listed: boolean): ShapeOptions {
    // Without a version it is the newest that is spoken.
    const { version = MAX_VERSION } = splitVersion(new URL(request.url).pathname);
    return { state, defaultNetwork: context.defaultNetwork, version, listed };
  }
}

/**
 * The routes of `/containers` that involve networks; the engine handles the requests themselves.
 *
 * @module
 */
import type { Context as HonoContext } from "@hono/hono";
import { getLogger } from "@logtape/logtape";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { LABEL, writeLabel } from "../../../controllers/docker/labels.ts";
import { dockerName, networkOf } from "../../../controllers/docker/names.ts";
import type { Inspected } from "../../../engines/docker/inspected.ts";
import { Anything, readJson } from "../bodies.ts";
import { type DockerApp, type DockerContext, json } from "../context.ts";
import { forward, target } from "../forward/forward.ts";
import { MAX_VERSION, splitVersion } from "../version.ts";
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

const log = getLogger(["netsvc", "docker"]);

/** Routes that start a container, and those after which it may have ended. */
const STARTING = "/containers/:id/:action{start|restart}";
const ENDING = "/containers/:id/:action{stop|kill}";

export function containerRoutes(app: DockerApp, docker: DockerContext): void {
  const { engine, connections, starts } = docker;
  app.post("/containers/create", (c) => createContainer(c, docker));
  app.post(STARTING, async (c) => {
    await engine.check(c.req.path);
    const inspected = await connections.inspect(c.req.param("id"));
    return await startContainer(inspected, c.req.raw, docker);
  });
  app.post(ENDING, async (c) => {
    await engine.check(c.req.path);
    const { Id } = await connections.inspect(c.req.param("id"));
    const answer = await forward(engine, c.req.raw);
    if (answer.ok) await starts.ended(Id);
    return answer;
  });
  app.delete("/containers/:id", async (c) => {
    await engine.check(c.req.path);
    const { Id } = await connections.inspect(c.req.param("id"));
    const answer = await forward(engine, c.req.raw);
    if (answer.ok) await starts.removed(Id);
    return answer;
  });
  app.get("/containers/:id/json", (c) => showContainer(c, docker));
  app.get("/containers/json", (c) => listContainers(c, docker));
}

async function createContainer(c: HonoContext, docker: DockerContext): Promise<Response> {
  const { engine, connections, context, desired } = docker;
  await engine.check(c.req.path);
  const asked = await readJson(c.req.raw, Anything);
  const { body, wanted, links, warnings } = readContainerCreate(asked, {
    find: (reference) => networkToBe(reference, docker),
    defaultNetwork: context.defaultNetwork,
  });
  for (const link of links) await connections.checkLink(link);
  if (!wanted) return await forward(engine, c.req.raw, { body: JSON.stringify(body) });
  const key = await desired.announce(wanted);
  const Labels = { ...body.Labels as Record<string, string>, [LABEL]: writeLabel(key, wanted) };
  // If the answer is lost, the engine may have made the container anyway: its label's key identifies it.
  const answer = await forward(engine, c.req.raw, { body: JSON.stringify({ ...body, Labels }) });
  if (answer.status !== 201) {
    await desired.withdraw(key);
    return answer;
  }
  const made = await answer.json() as { Id: string; Warnings?: string[] | null };
  await desired.claim(key, made.Id, wanted);
  return json(c, { ...made, Warnings: [...made.Warnings ?? [], ...warnings] }, 201);
}

/** The network of a new container; never a 404, which clients take for a missing image to pull. */
function networkToBe(reference: string, { context }: DockerContext): { id: string; name: string } {
  try {
    const network = networkOf(context.state, reference);
    return { id: network.id, name: dockerName(network) };
  } catch (error) {
    const missing = error instanceof NetsvcError && error.code === "not_found";
    throw missing ? new NetsvcError("invalid", error.message, { cause: error.cause }) : error;
  }
}

async function startContainer(
  inspected: Inspected,
  request: Request,
  { engine, starts }: DockerContext,
): Promise<Response> {
  let running = false;
  try {
    return await starts.start(inspected, async () => {
      const result = await forward(engine, request);
      running = result.ok;
      return { ok: result.ok, result };
    });
  } catch (error) {
    // As with Docker: a container without its networks doesn't run, and is removed if it has `AutoRemove`.
    const path = `/containers/${inspected.Id}`;
    if (running) await engine.client.act("POST", `${path}/kill`).catch(() => {});
    else if (inspected.HostConfig.AutoRemove && !inspected.State.Running) {
      await engine.client.act("DELETE", path).catch(() => {});
    }
    throw error;
  }
}

async function showContainer(c: HonoContext, docker: DockerContext): Promise<Response> {
  const { context: { state }, desired, starts } = docker;
  await adoptLabels(docker);
  const answer = await forward(docker.engine, c.req.raw);
  if (answer.status !== 200) return answer;
  const shown = await answer.json() as ShownContainer;
  mergeNetworks(shown, shapeFor(c.req.raw, docker), desired.networks(shown.Id));
  mergePortMap(shown, state);
  mergeFailure(shown, starts.failures.get(shown.Id));
  return json(c, shown);
}

async function listContainers(c: HonoContext, docker: DockerContext): Promise<Response> {
  const { context: { state }, desired, starts } = docker;
  await adoptLabels(docker);
  const { path, filters } = splitContainerFilters(target(c.req.raw));
  const answer = await forward(docker.engine, c.req.raw, { path });
  if (answer.status !== 200) return answer;
  const all = await answer.json() as ShownContainer[];
  const shape = { ...shapeFor(c.req.raw, docker), listed: true };
  for (const shown of all) {
    mergeNetworks(shown, shape, desired.networks(shown.Id));
    mergePortList(shown, state, starts.exposed.get(shown.Id));
  }
  return json(c, filters ? all.filter(fitsContainer(filters)).slice(0, filters.limit) : all);
}

/** Adopts labels of an earlier version, so that the first answer already shows its containers correctly. */
async function adoptLabels({ labels }: DockerContext): Promise<void> {
  await labels.adopt().catch((cause) => log.debug("{cause}", { cause }));
}

function shapeFor(request: Request, { context }: DockerContext): ShapeOptions {
  // A path without a version means the newest supported one.
  const { version = MAX_VERSION } = splitVersion(new URL(request.url).pathname);
  const { state, defaultNetwork } = context;
  return { state, defaultNetwork, version, listed: false };
}

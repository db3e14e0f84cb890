/**
 * `/networks` of the Engine API.
 *
 * @module
 */
import type { Context as HonoContext } from "@hono/hono";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { dockerName, networkOf, noSuchNetwork } from "../../../controllers/docker/names.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import { NetworkConnect, NetworkCreate, NetworkDisconnect, readJson } from "../bodies.ts";
import { readEndpoint } from "../containers/endpoint_config.ts";
import { type DockerApp, type DockerContext, json } from "../context.ts";
import {
  fitsNetwork,
  fitsPrune,
  NETWORK_FILTERS,
  parseFilters,
  PRUNE_FILTERS,
} from "../filters.ts";
import { createNetwork } from "./create_network.ts";
import { NetworkConfigs, showConfig } from "./network_configs.ts";
import { showNetwork, showServices } from "./network_shape.ts";

export function networkRoutes(app: DockerApp, docker: DockerContext): void {
  const configs = new NetworkConfigs(docker.context.state.local);
  app.get("/networks", (c) => listNetworks(c, docker, configs));
  app.post("/networks/create", async (c) => {
    const asked = await readJson(c.req.raw, NetworkCreate);
    return json(c, await createNetwork(asked, { ...docker, configs }), 201);
  });
  app.post("/networks/prune", async (c) => {
    const filters = parseFilters(c.req.query("filters"), PRUNE_FILTERS);
    const fits = (network: NetworkRecord) => fitsPrune(network, filters);
    return json(c, { NetworksDeleted: await docker.dockerNetworks.prune(fits) });
  });
  app.get("/networks/:id", (c) => showOne(c, c.req.param("id"), { docker, configs }));
  app.delete("/networks/:id", async (c) => {
    const config = configs.find(c.req.param("id"));
    if (config) await removeConfig(config, { docker, configs });
    else await docker.dockerNetworks.remove(find(c.req.param("id"), { docker, configs }));
    return c.body(null, 204);
  });
  app.post("/networks/:id/connect", async (c) => {
    const network = find(c.req.param("id"), { docker, configs });
    const body = await readJson(c.req.raw, NetworkConnect);
    const called = { id: network.id, name: dockerName(network) };
    const endpoint = readEndpoint(called, body.EndpointConfig);
    await docker.connections.connect(body.Container, endpoint);
    return c.body(null, 200);
  });
  app.post("/networks/:id/disconnect", async (c) => {
    const network = find(c.req.param("id"), { docker, configs });
    const body = await readJson(c.req.raw, NetworkDisconnect);
    await docker.connections.disconnect(network, body.Container, body.Force ?? false);
    return c.body(null, 200);
  });
}

/** Where networks and configurations are looked up. */
interface Where {
  docker: DockerContext;
  configs: NetworkConfigs;
}

/** Finds a network that can have containers, not a configuration. @throws {NetsvcError} */
function find(reference: string, { docker, configs }: Where): NetworkRecord {
  try {
    return networkOf(docker.context.state, reference);
  } catch (error) {
    const config = configs.find(reference);
    if (!config) throw error;
    throw new NetsvcError(
      "forbidden",
      `configuration network ${config.body.Name} has no containers; make a network with ` +
        `--config-from ${config.body.Name}`,
    );
  }
}

async function listNetworks(
  c: HonoContext,
  docker: DockerContext,
  configs: NetworkConfigs,
): Promise<Response> {
  const filters = parseFilters(c.req.query("filters"), NETWORK_FILTERS);
  const used = filters.has("dangling") ? await docker.dockerNetworks.used() : new Set<string>();
  const found = docker.networks.list().filter((network) =>
    !network.role &&
    fitsNetwork({ ...network, name: dockerName(network), used: used.has(network.id) }, filters)
  );
  const kept = configs.list().filter(({ id, body }) => {
    const { Name: name, Labels: labels = {} } = body;
    const network = {
      id,
      name,
      labels,
      driver: "null",
      scope: "local",
      predefined: false,
      used: false,
    } as const;
    return fitsNetwork(network, filters);
  });
  return json(c, [...found.map((network) => showNetwork(network)), ...kept.map(showConfig)]);
}

async function showOne(
  c: HonoContext,
  reference: string,
  { docker, configs }: Where,
): Promise<Response> {
  const config = configs.find(reference);
  if (config) return json(c, showConfig(config));
  const network = find(reference, { docker, configs });
  const scope = c.req.query("scope");
  const wanted = scope === "swarm" ? "global" : scope;
  if (wanted && wanted !== network.scope) throw noSuchNetwork(reference);
  const on = await docker.services.list(network.id);
  const verbose = ["1", "true"].includes(c.req.query("verbose")?.toLowerCase() ?? "");
  return json(c, {
    ...showNetwork(network, on),
    ...verbose && { Services: showServices(on) },
  });
}

async function removeConfig(
  config: NonNullable<ReturnType<NetworkConfigs["find"]>>,
  { docker, configs }: Where,
): Promise<void> {
  const { Name } = config.body;
  if (docker.networks.list().some((network) => network.docker?.configFrom === Name)) {
    throw new NetsvcError("in_use", `configuration network "${Name}" is in use`);
  }
  await configs.remove(config);
}

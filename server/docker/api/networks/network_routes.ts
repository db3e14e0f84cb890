/**
 * `/networks` of the Engine API.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { NetworkRecord } from "../../../model/records.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { NetworkConnect, NetworkCreate, NetworkDisconnect, readJson } from "../bodies.ts";
import type { Connections } from "../connections.ts";
import { type DockerApiOptions, type DockerApp, json } from "../docker_api.ts";
import { noSuchNetwork } from "../errors.ts";
import {
  type Filters,
  fitsNetwork,
  fitsPrune,
  NETWORK_FILTERS,
  parseFilters,
  PRUNE_FILTERS,
} from "../filters.ts";
import { NetworkConfigs, showConfig } from "./network_configs.ts";
import { readNetworkCreate } from "./network_create.ts";
import { dockerName, netsvcName } from "./network_names.ts";
import { readNetworkOptions } from "./network_options.ts";
import { showNetwork, showServices } from "./network_shape.ts";
import { readEndpoint } from "../wanted.ts";

const log = getLogger(["netsvc", "docker"]);

/** Drivers of Docker's that put containers on the host's own network. */
const LINK_DRIVERS = ["macvlan", "ipvlan"];

/** What is to be used instead of a driver that there is none of. */
function withoutLinkDrivers(driver: string | undefined, error: unknown): unknown {
  const missing = driver !== undefined && LINK_DRIVERS.includes(driver) &&
    error instanceof NetsvcError && error.code === "not_found";
  if (!missing) return error;
  return new NetsvcError(
    "invalid",
    `netsvc has no driver "${driver}": use "bridge" and publish ports, "overlay" for several hosts, or a ` +
      `libnetwork plugin of that name`,
    { cause: error },
  );
}

/** Adds the routes. */
export function networkRoutes(
  app: DockerApp,
  { networks, services, context, containers }: DockerApiOptions,
  connections: Connections,
): void {
  const { state } = context;
  const configs = new NetworkConfigs(state.local);
  const find = (reference: string) => {
    try {
      return connections.network(reference);
    } catch (error) {
      const config = configs.find(reference);
      if (!config) throw error;
      throw new NetsvcError(
        "forbidden",
        `configuration network ${config.body.Name} has no containers; make a network with ` +
          `--config-from ${config.body.Name}`,
      );
    }
  };

  /** Ids of networks that something is on; of those that aren't followed by the store's own list. */
  const usedNetworks = async (): Promise<Set<string>> =>
    new Set((await services.list()).map(({ network }) => network.id));

  const list = async (filters: Filters) => {
    const used = filters.has("dangling") ? await usedNetworks() : new Set<string>();
    return networks.list().filter((network) =>
      !network.role &&
      fitsNetwork({ ...network, name: dockerName(network) }, filters, used.has(network.id))
    );
  };

  app.get("/networks", async (c) => {
    const filters = parseFilters(c.req.query("filters"), NETWORK_FILTERS);
    const found = await list(filters);
    const kept = configs.list().filter(({ id, body }) => {
      const { Name: name, Labels: labels = {} } = body;
      const network = {
        id,
        name,
        driver: "null",
        scope: "local",
        labels,
        predefined: false,
      } as const;
      return fitsNetwork(network, filters, false);
    });
    return json(c, [...found.map((network) => showNetwork(network)), ...kept.map(showConfig)]);
  });

  app.post("/networks/create", async (c) => {
    const asked = await readJson(c.req.raw, NetworkCreate);
    if (configs.list().some(({ body }) => body.Name === asked.Name)) {
      throw new NetsvcError("exists", `network with name ${asked.Name} already exists`);
    }
    const { request, scope } = readNetworkCreate(configs.apply(asked));
    if (asked.ConfigOnly) {
      netsvcName(asked.Name, networks.list());
      return json(c, { Id: (await configs.create(asked)).id, Warning: "" }, 201);
    }
    const body = configs.apply(asked);
    const driver = context.drivers.get(request.driver ?? "bridge");
    if (scope && driver.capabilities.scope !== scope) {
      throw new NetsvcError(
        "invalid",
        `Networks of the driver "${driver.name}" have the scope "${driver.capabilities.scope}"`,
      );
    }
    const { options, others, warnings, ...families } = readNetworkOptions(
      driver,
      body.Options ?? {},
      driver.capabilities.external,
    );
    const name = netsvcName(body.Name, networks.list());
    const network = await networks.create({ ...request, ...families, name, options }, {
      ...name !== body.Name && { name: body.Name },
      ...body.Attachable && { attachable: true },
      ...Object.keys(others).length > 0 && { options: others },
      ...body.IPAM?.Options && { ipamOptions: body.IPAM.Options },
      ...body.ConfigFrom?.Network && { configFrom: body.ConfigFrom.Network },
    }).catch((error) => {
      throw withoutLinkDrivers(request.driver, error);
    });
    for (const warning of warnings) log.warn("{warning}", { warning });
    warnings.push(...networks.missing(network));
    return json(c, { Id: network.id, Warning: warnings.join("; ") }, 201);
  });

  app.post("/networks/prune", async (c) => {
    const filters = parseFilters(c.req.query("filters"), PRUNE_FILTERS);
    const used = await usedNetworks();
    const unused = networks.list().filter((network) =>
      !network.predefined && network.name !== context.defaultNetwork && !used.has(network.id) &&
      fitsPrune(network, filters, Date.now())
    );
    const deleted: string[] = [];
    for (const network of unused) {
      try {
        await networks.remove(network.id);
        deleted.push(dockerName(network));
      } catch (error) {
        // Somebody has come to use it, or removed it.
        const late = error instanceof NetsvcError && ["in_use", "not_found"].includes(error.code);
        if (!late) throw error;
      }
    }
    return json(c, { NetworksDeleted: deleted });
  });

  app.get("/networks/:id", async (c) => {
    const config = configs.find(c.req.param("id"));
    if (config) return json(c, showConfig(config));
    const network = find(c.req.param("id"));
    const scope = c.req.query("scope");
    const wanted = scope === "swarm" ? "global" : scope;
    if (wanted && wanted !== network.scope) throw noSuchNetwork(c.req.param("id"));
    const on = await services.list(network.id);
    const verbose = ["1", "true"].includes(c.req.query("verbose")?.toLowerCase() ?? "");
    return json(c, {
      ...showNetwork(network, on),
      ...verbose && { Services: showServices(on) },
    });
  });

  app.delete("/networks/:id", async (c) => {
    const config = configs.find(c.req.param("id"));
    if (config) {
      const { Name } = config.body;
      if (networks.list().some(({ docker }) => docker?.configFrom === Name)) {
        throw new NetsvcError("in_use", `configuration network "${Name}" is in use`);
      }
      await configs.remove(config);
      return c.body(null, 204);
    }
    const network = find(c.req.param("id"));
    await settleEnded(network);
    await networks.remove(network.id);
    return c.body(null, 204);
  });

  app.post("/networks/:id/connect", async (c) => {
    const network = find(c.req.param("id"));
    const body = await readJson(c.req.raw, NetworkConnect);
    const called = { id: network.id, name: dockerName(network) };
    await connections.connect(body.Container, readEndpoint(called, body.EndpointConfig));
    return c.body(null, 200);
  });

  app.post("/networks/:id/disconnect", async (c) => {
    const network = find(c.req.param("id"));
    const body = await readJson(c.req.raw, NetworkDisconnect);
    await connections.disconnect(network, body.Container, body.Force ?? false);
    return c.body(null, 200);
  });

  /** That a container has ended may not have come round yet. */
  async function settleEnded(network: NetworkRecord): Promise<void> {
    await services.ensure(network.id);
    for (const { backend } of state.ownBackends(network.id)) {
      if (backend!.runtime !== "netsvc") await containers.settle(backend!.container);
    }
  }
}

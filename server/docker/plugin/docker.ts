/**
 * What netsvc as a plugin asks Docker. The plugin's calls don't say whom they are about; Docker tells
 * while it waits for their answers, as long as it isn't asked for the container itself, which it has
 * locked until that runs.
 *
 * @module
 */
import { safely } from "../../../lib/api/safely.ts";
import { z } from "zod";
import { listenerPid } from "../../../lib/linux/libc.ts";
import { engineGet, parseJson } from "../../engines/docker/engine_get.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import { readInspected } from "../../engines/docker/inspected.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";

const NETWORK = z.object({
  Name: z.string(),
  Driver: z.string(),
  Labels: z.record(z.string(), z.string()).nullish(),
  Containers: z.record(z.string(), z.object({ Name: z.string(), EndpointID: z.string() }))
    .nullish(),
});
const LISTED = z.array(
  z.object({ Id: z.string().regex(/^[0-9a-f]{64}$/), Names: z.array(z.string()) }),
);
const INFO = z.object({ DockerRootDir: z.string().regex(/^\//) });
const ALIASES = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  NetworkSettings: z.object({
    Networks: z.record(
      z.string(),
      z.object({ EndpointID: z.string(), Aliases: z.array(z.string()).nullish() }),
    ),
  }),
});

/** A network of Docker's. */
export interface DockerNetwork {
  name: string;
  /** Endpoint ids with the names of their containers. */
  endpoints: Map<string, string>;
}

/** A container of Docker's that may not run yet. */
export interface DockerContainer {
  id: string;
  /** Without a slash. */
  name: string;
  resolvConfPath: string;
  hostsPath: string;
}

/** How long an answer is waited for. */
export interface Wait {
  /** In milliseconds. */
  deadline: number;
  /** Docker may wait for who waits for it: whoever is told to stop stops at once. */
  signal?: AbortSignal;
}

/** Docker's daemon. */
export class Docker {
  readonly #socket: string;
  #root: string | undefined;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Asks; `undefined` when there is no such thing. @throws {NetsvcError} `unavailable`, `timeout` */
  async #get<T>(path: string, schema: z.ZodType<T>, wait: Wait): Promise<T | undefined> {
    const { status, text } = await engineGet({
      name: "docker",
      socket: this.#socket,
      path,
      ...wait,
    });
    if (status === 404) return undefined;
    const read = safely(() => schema.safeParse(parseJson(text)));
    if (status === 200 && read?.success) return read.data;
    throw new NetsvcError("unavailable", `Docker's answer to ${path} makes no sense`, {
      cause: read?.error ?? new Error(`status ${status}`),
    });
  }

  async network(id: string, wait: Wait = { deadline: 2_000 }): Promise<DockerNetwork | undefined> {
    const found = await this.#get(`/networks/${id}`, NETWORK, wait);
    if (!found) return undefined;
    const endpoints = Object.values(found.Containers ?? {})
      .map(({ EndpointID, Name }): [string, string] => [EndpointID, Name]);
    return { name: found.Name, endpoints: new Map(endpoints) };
  }

  /** The container of an endpoint, from the moment that the endpoint is there. */
  async containerOf(
    network: string,
    endpoint: string,
    wait: Wait,
  ): Promise<DockerContainer | undefined> {
    const name = (await this.network(network, wait))?.endpoints.get(endpoint);
    if (name === undefined) return undefined;
    // What Docker takes for a name here is a regular expression, and a name may have dots.
    const pattern = `^/${name.replaceAll(/[^A-Za-z0-9_]/g, "\\$&")}$`;
    const filters = encodeURIComponent(JSON.stringify({ name: [pattern] }));
    const listed = await this.#get(`/containers/json?all=true&filters=${filters}`, LISTED, wait);
    const id = listed?.find(({ Names }) => Names.includes(`/${name}`))?.Id;
    if (id === undefined) return undefined;
    this.#root ??= (await this.#get("/info", INFO, wait))?.DockerRootDir;
    const directory = `${this.#root}/containers/${id}`;
    return {
      id,
      name,
      resolvConfPath: `${directory}/resolv.conf`,
      hostsPath: `${directory}/hosts`,
    };
  }

  /**
   * A container with its words for other names on each of its networks; Docker answers when it has
   * started it.
   */
  async started(
    id: string,
    wait: Wait,
  ): Promise<{ container: ForeignContainer; aliases: Map<string, string[]> } | undefined> {
    const path = `/containers/${id}/json`;
    const found = await this.#get(path, z.looseObject({}), wait);
    if (!found) return undefined;
    const { NetworkSettings, Config } = ALIASES.parse(found);
    const service = Config.Labels?.["com.docker.compose.service"];
    const aliases = Object.values(NetworkSettings.Networks)
      .map(({ EndpointID, Aliases }): [string, string[]] => [
        EndpointID,
        [...Aliases ?? [], ...service === undefined ? [] : [service]],
      ]);
    return { container: readInspected("docker", found), aliases: new Map(aliases) };
  }

  /**
   * A path of a sandbox as it is opened from here: Docker's mounts may be in a mount namespace of its
   * own.
   */
  paths(sandbox: string): string[] {
    const pid = listenerPid(this.#socket);
    return [sandbox, ...pid === undefined ? [] : [`/proc/${pid}/root${sandbox}`]];
  }
}

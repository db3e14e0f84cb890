/**
 * The Docker engine of this host, and the requests that netsvc sends to it.
 *
 * @module
 */
import { z } from "zod";
import { listenerPid } from "../../../lib/linux/libc.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { ForeignContainer } from "../engine.ts";
import { ApiEngine } from "./api_engine.ts";
import type { Wait } from "./client.ts";
import { type Inspected, InspectedContainer, toForeign } from "./inspected.ts";

/** Deadline of a ping that a client waits for, in milliseconds; the client's own is two seconds. */
const PING_DEADLINE_MS = 1_000;
/** How long the engine's greeting is cached, in milliseconds. */
const KNOWN_MS = 10_000;
/** Deadline of a request while Docker itself waits for netsvc's answer, in milliseconds. */
const NETWORK_DEADLINE_MS = 2_000;

const IMAGE = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});
const LISTED = z.array(z.object({
  Id: z.string().regex(/^[0-9a-f]{64}$/),
  Names: z.array(z.string()).nullish(),
}));
const INFO = z.object({ DockerRootDir: z.string().regex(/^\//) });
const NETWORK = z.object({
  Name: z.string(),
  Containers: z.record(z.string(), z.object({ Name: z.string(), EndpointID: z.string() }))
    .nullish(),
});

/** The engine's answer to a ping. */
export interface EngineGreeting {
  apiVersion: string;
  /** Headers that tell clients the engine's further capabilities. */
  headers: Record<string, string>;
}

/** Headers of a ping that netsvc copies from the engine's answer. */
const GREETING = ["builder-version", "docker-experimental", "swarm"];

/** A network of Docker's. */
export interface DockerNetwork {
  name: string;
  /** Endpoint ids with the names of their containers. */
  endpoints: Map<string, string>;
}

/** A Docker container that may not run yet. */
export interface DockerContainer {
  id: string;
  /** Without a slash. */
  name: string;
  resolvConfPath: string;
  hostsPath: string;
}

/** Docker's daemon. Paths have no version, so it answers in its newest; the fields read here exist in all. */
export class Docker extends ApiEngine {
  #greeting: { at: number; known: EngineGreeting } | undefined;
  #root: string | undefined;

  constructor(socket = "/var/run/docker.sock") {
    const events = ["start", "die", "destroy", "rename"];
    super({ name: "docker", title: "Docker", socket, prefix: "", events });
  }

  /** Refuses an operation that needs Docker on a host without it. @throws {NetsvcError} `unsupported` */
  async check(what: string): Promise<void> {
    if (await this.client.isThere()) return;
    throw new NetsvcError(
      "unsupported",
      `No Docker engine is behind netsvc, which itself answers for networks only, not for ` +
        `${what}: there is no ${this.client.path}; start Docker or give --docker-socket`,
    );
  }

  /** A container by name, id or the beginning of one. */
  async inspect(reference: string): Promise<Inspected | undefined> {
    // Anything else can't name a container, and could change the path of the request.
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(reference)) return undefined;
    try {
      return await this.client.get(`/containers/${reference}/json`, InspectedContainer);
    } catch (error) {
      if (await this.client.isThere()) throw error;
      return undefined;
    }
  }

  /** Ids of the containers that have a label, running or not. */
  async labelled(label: string): Promise<string[]> {
    return (await this.#list({ label: [label] })).map(({ Id }) => Id);
  }

  async #list(
    filters: Record<string, string[]>,
    wait: Wait = {},
  ): Promise<z.output<typeof LISTED>> {
    const query = `all=true&filters=${encodeURIComponent(JSON.stringify(filters))}`;
    return await this.client.get(`/containers/json?${query}`, LISTED, wait) ?? [];
  }

  /** Labels of an image; `undefined` when the image doesn't exist (any more). */
  async imageLabels(image: string): Promise<Record<string, string> | undefined> {
    const found = await this.client.get(`/images/${encodeURIComponent(image)}/json`, IMAGE);
    return found && (found.Config?.Labels ?? {});
  }

  /** Docker's version and capabilities; `undefined` while Docker can't be reached. */
  async greeting(): Promise<EngineGreeting | undefined> {
    if (!await this.client.isThere()) return undefined;
    const now = performance.now();
    if (this.#greeting && now - this.#greeting.at < KNOWN_MS) return this.#greeting.known;
    const known = await this.#greet().catch(() => undefined);
    if (known) this.#greeting = { at: now, known };
    return known;
  }

  async #greet(): Promise<EngineGreeting | undefined> {
    const signal = AbortSignal.timeout(PING_DEADLINE_MS);
    const response = await this.client.fetch("/_ping", { signal });
    await response.body?.cancel();
    const apiVersion = response.headers.get("api-version");
    if (!response.ok || apiVersion === null) return undefined;
    const headers = GREETING.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    return { apiVersion, headers: Object.fromEntries(headers) };
  }

  /** A network of Docker's own, by id. */
  async network(
    id: string,
    wait: Wait = { deadline: NETWORK_DEADLINE_MS },
  ): Promise<DockerNetwork | undefined> {
    const found = await this.client.get(`/networks/${id}`, NETWORK, wait);
    if (!found) return undefined;
    const endpoints = Object.values(found.Containers ?? {})
      .map(({ EndpointID, Name }): [string, string] => [EndpointID, Name]);
    return { name: found.Name, endpoints: new Map(endpoints) };
  }

  /**
   * The container of an endpoint, as soon as the endpoint exists. This doesn't inspect the container, which
   * Docker keeps locked until it runs.
   */
  async containerOf(
    { network, endpoint }: { network: string; endpoint: string },
    wait: Wait,
  ): Promise<DockerContainer | undefined> {
    const name = (await this.network(network, wait))?.endpoints.get(endpoint);
    if (name === undefined) return undefined;
    // Docker treats the filter's value as a regular expression, and a name may have dots.
    const pattern = `^/${name.replaceAll(/[^A-Za-z0-9_]/g, "\\$&")}$`;
    const listed = await this.#list({ name: [pattern] }, wait);
    const id = listed.find(({ Names }) => Names?.includes(`/${name}`))?.Id;
    if (id === undefined) return undefined;
    const directory = `${await this.#rootDirectory(wait)}/containers/${id}`;
    return {
      id,
      name,
      resolvConfPath: `${directory}/resolv.conf`,
      hostsPath: `${directory}/hosts`,
    };
  }

  async filesOf(id: string): Promise<Pick<ForeignContainer, "resolvConfPath" | "hostsPath">> {
    if (!await this.client.isRoots()) return {};
    const directory = `${await this.#rootDirectory()}/containers/${id}`;
    return { resolvConfPath: `${directory}/resolv.conf`, hostsPath: `${directory}/hosts` };
  }

  /** The directory of Docker's data, on Docker's own host. */
  async #rootDirectory(wait: Wait = {}): Promise<string> {
    const root = this.#root ??= (await this.client.get("/info", INFO, wait))?.DockerRootDir;
    if (root !== undefined) return root;
    throw new NetsvcError("unavailable", "Docker doesn't say where it keeps its containers' files");
  }

  /**
   * A container with its aliases on each of its networks, by endpoint; Docker answers once it has started the
   * container.
   */
  async started(
    id: string,
    wait: Wait,
  ): Promise<{ container: ForeignContainer; aliases: Map<string, string[]> } | undefined> {
    const inspected = await this.client.get(`/containers/${id}/json`, InspectedContainer, wait);
    if (!inspected) return undefined;
    const service = inspected.Config.Labels?.["com.docker.compose.service"];
    const aliases = Object.values(inspected.NetworkSettings?.Networks ?? {})
      .map(({ EndpointID, Aliases }): [string, string[]] => [
        EndpointID ?? "",
        [...Aliases ?? [], ...service === undefined ? [] : [service]],
      ]);
    return { container: toForeign("docker", inspected), aliases: new Map(aliases) };
  }

  /** The paths by which this process can open a sandbox: Docker may have a mount namespace of its own. */
  paths(sandbox: string): string[] {
    const pid = listenerPid(this.client.path);
    return [sandbox, ...pid === undefined ? [] : [`/proc/${pid}/root${sandbox}`]];
  }
}

/**
 * The Engine API of Docker, so that the docker command drives netsvc: what concerns networks is
 * answered here, the rest is the engine's behind netsvc.
 *
 * @module
 */
import { type Context as HonoContext, Hono } from "@hono/hono";
import { HTTPException } from "@hono/hono/http-exception";
import { getLogger } from "@logtape/logtape";
import type { EventLog } from "../../http/events.ts";
import { errorChain, toNetsvcError } from "../../../lib/api/errors.ts";
import type { Networks } from "../../controllers/networks/networks.ts";
import type { VersionInfo } from "../../../lib/api/types.ts";
import { readBody } from "./bodies.ts";
import { Connections, type ConnectionsOptions } from "./connections.ts";
import { containerRoutes } from "./containers/container_routes.ts";
import { dockerErrorResponse, errorForBoth } from "./errors.ts";
import { buildRoutes } from "./system/build_routes.ts";
import { eventRoutes } from "./events/event_routes.ts";
import { forward, target } from "./forward/forward.ts";
import { networkRoutes } from "./networks/network_routes.ts";
import { checkRetired } from "./system/retired.ts";
import { statsRoutes } from "./events/stats_routes.ts";
import { systemRoutes } from "./system/system_routes.ts";
import { checkVersion, splitVersion } from "./version.ts";
import { watchEngine } from "./watch.ts";

const log = getLogger(["netsvc", "docker"]);

/** What the Engine API works with. */
export interface DockerApiOptions extends ConnectionsOptions {
  networks: Networks;
  version: VersionInfo;
  events: EventLog;
}

/** An application whose paths are without the version. */
export type DockerApp = Hono;

/** The Engine API. */
export class DockerApi implements AsyncDisposable {
  readonly #app: DockerApp;
  readonly #abort = new AbortController();
  readonly #watching: Promise<void>;
  readonly #connections: Connections;

  constructor(options: DockerApiOptions) {
    const connections = this.#connections = new Connections(options);
    this.#app = new Hono({
      getPath: (request) => splitVersion(new URL(request.url).pathname).path,
    });
    this.#app.onError((error) => {
      const failure = toNetsvcError(error);
      if (failure.status >= 500 && !(error instanceof HTTPException)) {
        log.warn("{cause}", { cause: errorChain(failure).join(": ") });
      }
      return dockerErrorResponse(error);
    });
    systemRoutes(this.#app, options);
    networkRoutes(this.#app, options, connections);
    containerRoutes(this.#app, options, connections);
    eventRoutes(this.#app, options);
    statsRoutes(this.#app, options);
    buildRoutes(this.#app, options, connections);
    this.#app.all("*", (c) => forward(options.engine, c.req.raw));
    this.#watching = watchEngine(options.engine, connections, this.#abort.signal);
  }

  /** Answers a request that is meant for the Engine API. */
  async fetch(request: Request): Promise<Response> {
    const answer = await this.#answer(request);
    // A client that is still sending would see its connection break instead of the error.
    if (!answer.ok && answer.status !== 101 && !request.bodyUsed) {
      await readBody(request).catch(() => {});
    }
    return answer;
  }

  async #answer(request: Request): Promise<Response> {
    const { version } = splitVersion(new URL(request.url).pathname);
    try {
      if (version !== undefined) checkVersion(version);
    } catch (error) {
      return dockerErrorResponse(error);
    }
    try {
      const agent = request.headers.get("user-agent") ?? "";
      if (version === undefined) checkRetired(request.method, target(request), agent);
    } catch (error) {
      return errorForBoth(error);
    }
    return await this.#app.fetch(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#watching;
    await this.#connections[Symbol.asyncDispose]();
  }
}

/** A JSON answer with the content type that Docker's clients insist on. */
export function json(c: HonoContext, value: unknown, status = 200): Response {
  return c.body(JSON.stringify(value), status as 200, { "content-type": "application/json" });
}

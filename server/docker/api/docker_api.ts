/**
 * Docker's Engine API, so that the docker command controls netsvc: requests about networks are handled here,
 * all others are forwarded to the engine behind netsvc.
 *
 * @module
 */
import { Hono } from "@hono/hono";
import { HTTPException } from "@hono/hono/http-exception";
import { getLogger } from "@logtape/logtape";
import { errorChain, toNetsvcError } from "../../../lib/api/errors.ts";
import { readBody } from "../../http/body.ts";
import { containerRoutes } from "./containers/container_routes.ts";
import type { DockerApp, DockerContext } from "./context.ts";
import { dockerErrorResponse, errorForBoth } from "./errors.ts";
import { eventRoutes } from "./events/event_routes.ts";
import { statsRoutes } from "./events/stats_routes.ts";
import { forward, target } from "./forward/forward.ts";
import { networkRoutes } from "./networks/network_routes.ts";
import { buildRoutes } from "./system/build_routes.ts";
import { checkRetired } from "./system/retired.ts";
import { systemRoutes } from "./system/system_routes.ts";
import { checkVersion, splitVersion } from "./version.ts";

const log = getLogger(["netsvc", "docker"]);

export class DockerApi {
  readonly #app: DockerApp;

  constructor(docker: DockerContext) {
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
    systemRoutes(this.#app, docker);
    networkRoutes(this.#app, docker);
    containerRoutes(this.#app, docker);
    eventRoutes(this.#app, docker);
    statsRoutes(this.#app, docker);
    buildRoutes(this.#app, docker);
    this.#app.all("*", (c) => forward(docker.engine, c.req.raw));
  }

  /** Answers a request to the Engine API. */
  async fetch(request: Request): Promise<Response> {
    const answer = await this.#answer(request);
    // Read the rest of the body: a client that is still sending would see a broken connection, not the error.
    if (!answer.ok && answer.status !== 101 && !request.bodyUsed) {
      await readBody(request).catch(() => {});
    }
    return answer;
  }

  /** The answer to a request that failed before it reached this API. */
  failure(error: unknown): Response {
    return dockerErrorResponse(error);
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
}

/**
 * `/_ping` and `/version`: the first requests of clients.
 *
 * @module
 */
import { z } from "zod";
import type { Docker } from "../../../engines/docker/docker.ts";
import { type DockerApp, type DockerContext, json } from "../context.ts";
import { compareVersions, MAX_VERSION, MIN_VERSION } from "../version.ts";

const EngineVersion = z.looseObject({
  ApiVersion: z.string(),
  MinAPIVersion: z.string().optional(),
  Components: z.array(z.unknown()).nullish(),
});

/** The newest version that both netsvc and the engine behind it support. */
async function spokenVersion(engine: Docker): Promise<string> {
  const version = (await engine.greeting())?.apiVersion ?? MAX_VERSION;
  return compareVersions(version, MAX_VERSION) > 0 ? MAX_VERSION : version;
}

/** The oldest version that both support. */
function oldest(engines = MIN_VERSION): string {
  return compareVersions(engines, MIN_VERSION) > 0 ? engines : MIN_VERSION;
}

export function systemRoutes(app: DockerApp, { engine, version }: DockerContext): void {
  // Clients send HEAD, which hono answers as GET without the body.
  app.get("/_ping", async (c) => {
    const greeting = await engine.greeting();
    return c.body("OK", 200, {
      "content-type": "text/plain; charset=utf-8",
      "api-version": await spokenVersion(engine),
      "ostype": "linux",
      "docker-experimental": "false",
      "cache-control": "no-cache, no-store, must-revalidate",
      "server": `netsvc/${version.version} (linux)`,
      ...greeting?.headers,
    });
  });
  app.get("/version", async (c) => {
    const api = await spokenVersion(engine);
    const component = {
      Name: "netsvc",
      Version: version.version,
      Details: { ApiVersion: MAX_VERSION, MinAPIVersion: MIN_VERSION, Deno: version.deno },
    };
    const behind = await engine.client.isThere()
      ? await engine.client.get("/version", EngineVersion).catch(() => undefined)
      : undefined;
    if (behind) {
      const components = [...behind.Components ?? [], component];
      return json(c, {
        ...behind,
        ApiVersion: api,
        MinAPIVersion: oldest(behind.MinAPIVersion),
        Components: components,
      });
    }
    return json(c, {
      Platform: { Name: "netsvc" },
      Components: [component],
      Version: version.version,
      ApiVersion: api,
      MinAPIVersion: MIN_VERSION,
      GitCommit: "",
      GoVersion: "",
      Os: version.os,
      Arch: version.arch === "x86_64"
        ? "amd64"
        : version.arch === "aarch64"
        ? "arm64"
        : version.arch,
      KernelVersion: version.kernel,
    });
  });
}

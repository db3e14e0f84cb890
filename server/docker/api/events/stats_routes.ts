/**
 * `/containers/{id}/stats`: adds the counters of a container's networks, which the engine doesn't know.
 *
 * @module
 */
import { inNamespace } from "../../../../lib/linux/namespaces/namespace.ts";
import { readFileSync } from "../../../../lib/linux/libc.ts";
import type { DockerApp, DockerContext } from "../context.ts";
import { forward } from "../forward/forward.ts";
import { changeLines } from "./lines.ts";
import { type LinkCounters, readCounters } from "./link_counters.ts";

export function statsRoutes(app: DockerApp, { engine, context }: DockerContext): void {
  const counters = (container: string): Record<string, LinkCounters> | undefined => {
    const record = context.state.containers.get(container)?.record;
    if (record?.kind !== "adopted" || record.state !== "running") return undefined;
    try {
      const path = context.namespaces.path(container);
      return readCounters(inNamespace(path, () => readFileSync("/proc/thread-self/net/dev")));
    } catch {
      return undefined; // The container is ending.
    }
  };

  app.get("/containers/:id/stats", async (c) => {
    const answer = await forward(engine, c.req.raw);
    if (answer.status !== 200 || !answer.body) return answer;
    const body = changeLines(answer.body, (line) => {
      const shown = parse(line);
      const networks = typeof shown?.id === "string" ? counters(shown.id) : undefined;
      return networks ? JSON.stringify({ ...shown, networks }) : line;
    });
    const { status, headers } = answer;
    headers.delete("content-length");
    return new Response(body, { status, headers });
  });
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

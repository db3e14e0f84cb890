/**
 * What Docker and Podman tell of containers as it happens, a JSON object a line; read the same way.
 *
 * @module
 */
import { z } from "zod";
import { lines } from "../../../lib/async/lines.ts";
import { safely } from "../../../lib/api/safely.ts";
import type { EngineEvent } from "../engine.ts";
import { parseJson } from "./client.ts";

/** A longer line is no event, in characters. */
const MAX_LINE = 256 * 1024;

/** An event of Docker's, of Podman's libpod API, or of `podman events`. */
const EVENT = z.object({
  Type: z.literal("container"),
  Action: z.string().optional(),
  Status: z.string().optional(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).optional() })
    .optional(),
  ID: z.string().optional(),
  Name: z.string().optional(),
});

/** Words for: it no longer runs; it may be gone altogether. */
const ENDS = new Set(["die", "died", "destroy", "remove"]);

/** Reads a line of events; `undefined` for what is none that counts. */
export function readEvent(line: string): EngineEvent | undefined {
  const event = safely(() => EVENT.safeParse(parseJson(line)));
  if (!event?.success) return undefined;
  const { Action, Status, Actor, ID, Name } = event.data;
  const action = Action ?? Status, id = Actor?.ID ?? ID, name = Actor?.Attributes?.name ?? Name;
  if (action === undefined || id === undefined) return undefined;
  const type = ENDS.has(action) ? "die" : action === "start" || action === "rename" ? action : null;
  if (type === null) return undefined;
  return { type, id, ...name !== undefined && { name } };
}

/** Calls `listener` with each event of a stream, until that ends. */
export async function eachEvent(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  listener: (event: EngineEvent) => void,
): Promise<void> {
  for await (const line of lines(stream, { longest: MAX_LINE })) {
    const event = readEvent(line);
    if (event) listener(event);
  }
}

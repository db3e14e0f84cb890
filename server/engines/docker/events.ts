/**
 * The container events of Docker and Podman, one JSON object a line; both are parsed the same way.
 *
 * @module
 */
import { z } from "zod";
import { lines } from "../../../lib/async/lines.ts";
import { safely } from "../../../lib/api/safely.ts";
import type { EngineEvent } from "../engine.ts";
import { parseJson } from "./client.ts";

/** Longest line of an event, in characters. */
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

/** Actions that mean that the container no longer runs; it may have been removed. */
const ENDS = new Set(["die", "died", "destroy", "remove"]);

/** Parses a line of events; `undefined` for invalid lines and for events that netsvc ignores. */
export function readEvent(line: string): EngineEvent | undefined {
  const event = safely(() => EVENT.safeParse(parseJson(line)));
  if (!event?.success) return undefined;
  const { Action, Status, Actor, ID, Name } = event.data;
  const action = Action ?? Status;
  const id = Actor?.ID ?? ID;
  const name = Actor?.Attributes?.name ?? Name;
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

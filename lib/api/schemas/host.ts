/**
 * Hosts.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { id, time } from "./fields.ts";

/** A host that runs, or has run, a daemon on the shared store. */
export const Host = z.object({
  id,
  name: z.string(),
  address: z.string()
    .describe("Underlay address; absent where there is none that others could reach")
    .exactOptional(),
  status: z.enum(["up", "down"]).describe("Whether it holds its lease"),
  self: z.boolean().describe("It is the one that answers"),
  version: z.string(),
  started: time,
  encryption: z.object({
    key: z.string().describe("Its public key"),
    made: time.describe("When it was made"),
    handshake: time.describe("The last with the host that answers; absent where there was none")
      .exactOptional(),
  }).describe("Its end of encrypted networks' tunnels; absent where it has said no key")
    .exactOptional(),
}).openapi("Host");

/** A host with the services of global networks that it backs. */
export const HostDetail = Host.extend({
  overlayPort: z.int().describe("UDP port of VXLAN"),
  services: z.array(z.object({ name: z.string(), network: z.string() })),
}).openapi("HostDetail");

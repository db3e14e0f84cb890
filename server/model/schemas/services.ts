/**
 * What the shared store may hold of services and their endpoints. Pure.
 *
 * @module
 */
import { z } from "zod";
import { checkAlias, checkName, MAX_WEIGHT } from "../../../lib/api/names.ts";
import { addresses, checked, hostIp, id, line, list, mac, port, time } from "./fields.ts";

/** A name that ip(8) can't take for an option; at most 15 bytes (IFNAMSIZ), no path. */
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;
/** Names that mean several links, or the one that every sandbox has. */
const NO_INTERFACES = new Set(["all", "default", "lo"]);

const linkAlias = z.strictObject({
  service: line(256).regex(/^[^\s]+$/),
  alias: checked(checkAlias),
});

export const backend = z.strictObject({
  container: id,
  containerName: line(4096).exactOptional(),
  containerHostname: line(255).exactOptional(),
  runtime: z.string().regex(/^[a-z]{1,16}$/),
  host: line(128),
  hostId: id,
  address: hostIp.exactOptional(),
  interface: z.string().regex(INTERFACE).refine(
    (name) => !NO_INTERFACES.has(name),
    "no name of a link",
  ),
  attached: time,
  aliases: list(linkAlias),
  gwPriority: z.int().exactOptional(),
  wayOut: z.enum(["leg", "none"]).exactOptional(),
});

const servicePort = {
  name: line(63).exactOptional(),
  port,
  protocol: z.enum(["tcp", "udp"]),
};

const named = {
  id,
  name: checked((name) => checkName("service", name)),
  network: id,
  created: time,
  aliases: list(checked(checkAlias)),
};

export const service = z.strictObject({
  ...named,
  mode: z.literal("single"),
  ports: list(z.strictObject(servicePort)),
  auto: id.exactOptional(),
});

/** A service with many backends. */
export const manyService = z.strictObject({
  ...named,
  mode: z.enum(["vip", "dnsrr"]),
  addresses: addresses.exactOptional(),
  ports: list(z.strictObject({ ...servicePort, target: port.exactOptional() })),
}).refine(
  ({ mode, addresses = [] }) => (mode === "vip") === (addresses.length > 0),
  "an address of its own is what makes the mode",
);

const place = { id, service: id, network: id, addresses, mac };

export const endpoint = z.strictObject({ ...place, backend: backend.exactOptional() })
  .refine(({ id, service }) => id === service, "not the one endpoint of its service");

/** An endpoint of a service with many backends: it is there as long as its backend. */
export const manyEndpoint = z.strictObject({
  ...place,
  backend,
  weight: z.int().min(1).max(MAX_WEIGHT).exactOptional(),
  draining: time.exactOptional(),
}).refine(({ id, service }) => id !== service, "not one endpoint of many");

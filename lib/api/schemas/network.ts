/**
 * Networks.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { id, list, Scope, strings, text, time } from "./fields.ts";
import { Service } from "./service.ts";

/** An address pool of a network. All addresses are in their shortest text form. */
export const Pool = z.object({
  family: z.union([z.literal(4), z.literal(6)]),
  subnet: z.string().describe("CIDR with the host bits zero, e.g. 172.18.0.0/20"),
  gateway: z.string().describe("Without prefix length; absent where the driver has no gateway")
    .exactOptional(),
  range: z.string().describe("CIDR inside the subnet from which addresses are picked")
    .exactOptional(),
  aux: strings.describe("Name to address: reserved, never handed out").exactOptional(),
}).openapi("Pool");

/** The plugin that hands out a network's addresses. */
const NetworkIpam = z.object({
  driver: z.string(),
  options: strings,
  pools: z.array(z.object({ poolId: z.string() }))
    .describe("The plugin's names of the network's pools, in their order"),
  replay: z.boolean()
    .describe("It forgets: everything is requested from it again after it has restarted"),
});

/** A network. */
export const Network = z.object({
  id,
  name: z.string(),
  driver: z.string(),
  scope: Scope,
  created: time,
  internal: z.boolean(),
  ipv6: z.boolean(),
  vni: z.int().describe("VXLAN network identifier (RFC 7348), of networks that have one")
    .exactOptional(),
  pools: z.array(Pool),
  ipam: NetworkIpam.describe("Absent where netsvc hands out the addresses itself").exactOptional(),
  options: strings,
  labels: strings,
  predefined: z.boolean().describe("none, host and bridge, which can't be removed"),
}).openapi("Network");

/** The answer to a create. */
export const CreatedNetwork = Network.extend({
  warnings: z.array(z.string())
    .describe("What only the user can do, so that it works on this host, a sentence each")
    .exactOptional(),
}).openapi("CreatedNetwork");

/** A network in a list. */
export const ListedNetwork = Network.extend({
  serviceCount: z.int().describe("How many services it has"),
}).openapi("ListedNetwork");

/** A network with its services. */
export const NetworkDetail = Network.extend({
  services: z.array(Service),
  endpoints: z.record(z.string(), z.record(z.string(), z.unknown()))
    .describe("What a plugin tells of the endpoints of this host, by the service's id")
    .exactOptional(),
}).openapi("NetworkDetail");

/** Body of `POST /networks`. */
export const CreateNetwork = z.strictObject({
  name: z.string().max(1024),
  driver: text(64).exactOptional(),
  subnets: list(text(64)).describe("CIDRs; none may overlap another").exactOptional(),
  gateways: list(text(64)).describe("At most one for each subnet, inside it").exactOptional(),
  ranges: list(text(64)).describe("At most one for each subnet, inside it").exactOptional(),
  aux: strings.describe("Name to address: reserved, never handed out").exactOptional(),
  internal: z.boolean().exactOptional(),
  ipv4: z.boolean().describe("false: no IPv4 addresses; then it needs IPv6").exactOptional(),
  ipv6: z.boolean().exactOptional(),
  ipamDriver: text(64)
    .describe("A plugin that hands out the addresses; default: netsvc; null: the driver's plugin")
    .exactOptional(),
  ipamOptions: strings.exactOptional(),
  options: strings.exactOptional(),
  labels: strings.exactOptional(),
}).openapi("CreateNetwork");

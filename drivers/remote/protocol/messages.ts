/**
 * Plugins' answers, as schemas: everything that reaches a command line or a record is checked here. Names of fields
 * are the protocol's (libnetwork's remote driver and IPAM protocols).
 *
 * @module
 */
import { z } from "zod";
import { isLinkAddress, parseCidrAddress } from "../../../lib/ip/cidr.ts";
import { goObject } from "./go_json.ts";

/** A text that may be absent or empty; both become `undefined`. */
function optional<T>(schema: z.ZodType<T>) {
  return z.union([z.literal("").transform(() => undefined), schema]).optional();
}

const CIDR = z.union([z.cidrv4(), z.cidrv6()], "no address in CIDR form");
/** Whether a text in CIDR form is an address that a link can have. */
function isOwn(text: string): boolean {
  try {
    return isLinkAddress(parseCidrAddress(text));
  } catch {
    return false; // An IPv4-mapped IPv6 address.
  }
}

const NOT_OWN = "an address that no link can have";
const CIDR4 = z.cidrv4("no IPv4 address in CIDR form").refine(isOwn, NOT_OWN);
const CIDR6 = z.cidrv6("no IPv6 address in CIDR form").refine(isOwn, NOT_OWN);
const IP = z.union([z.ipv4(), z.ipv6()], "no address");
const MAC = z.string().regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, "no MAC address")
  .transform((mac) => mac.toLowerCase());
/** A link's name (15 bytes, IFNAMSIZ less the final NUL) that can stand in a line of ip-batch(8). */
const LINK_NAME = z.string()
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9_.][A-Za-z0-9_.@-]{0,14}$/, "no name of a link");
const SCOPE = z.enum(["local", "global"], `neither "local" nor "global"`);

/** An answer without content. */
export const EMPTY = goObject({});

/** NetworkDriver.GetCapabilities. */
export const NETWORK_CAPABILITIES = goObject({
  Scope: SCOPE,
  ConnectivityScope: optional(SCOPE),
  GwAllocChecker: z.boolean().optional(),
});

/** NetworkDriver.GwAllocCheck. */
export const GATEWAY_CHECK = goObject({
  SkipIPv4: z.boolean().optional(),
  SkipIPv6: z.boolean().optional(),
});

/** NetworkDriver.CreateEndpoint. */
export const CREATED_ENDPOINT = goObject({
  Interface: goObject({
    Address: optional(CIDR4),
    AddressIPv6: optional(CIDR6),
    MacAddress: optional(MAC),
  }).optional(),
});

/** Route type of the protocol: through a next hop. */
export const ROUTE_NEXT_HOP = 0;
/** Route type of the protocol: on the link itself. */
export const ROUTE_CONNECTED = 1;

/** NetworkDriver.Join. */
export const JOINED = goObject({
  InterfaceName: goObject({ SrcName: LINK_NAME, DstPrefix: z.string().optional() }),
  Gateway: optional(z.ipv4("no IPv4 address")),
  GatewayIPv6: optional(z.ipv6("no IPv6 address")),
  StaticRoutes: z.array(
    goObject({
      Destination: CIDR,
      RouteType: z.union([z.literal(ROUTE_NEXT_HOP), z.literal(ROUTE_CONNECTED)]).default(0),
      NextHop: optional(IP),
    }).refine(
      ({ RouteType, NextHop }) => RouteType === ROUTE_CONNECTED || NextHop !== undefined,
      "a route without next hop",
    ),
  ).optional(),
  DisableGatewayService: z.boolean().optional(),
});

/** The plugin's description of how an endpoint is set up in a sandbox. */
export type Joined = z.infer<typeof JOINED>;

/** NetworkDriver.EndpointOperInfo. */
export const ENDPOINT_INFO = goObject({ Value: z.record(z.string(), z.unknown()).optional() });

/** IpamDriver.GetCapabilities. */
export const IPAM_CAPABILITIES = goObject({
  RequiresMACAddress: z.boolean().optional(),
  RequiresRequestReplay: z.boolean().optional(),
});

/** IpamDriver.GetDefaultAddressSpaces. */
export const ADDRESS_SPACES = goObject({
  LocalDefaultAddressSpace: z.string(),
  GlobalDefaultAddressSpace: z.string(),
});

const DATA = z.record(z.string(), z.string()).optional();

/** IpamDriver.RequestPool. */
export const POOL = goObject({ PoolID: z.string().min(1), Pool: CIDR, Data: DATA });

/** IpamDriver.RequestAddress. */
export const ADDRESS = goObject({ Address: CIDR, Data: DATA });

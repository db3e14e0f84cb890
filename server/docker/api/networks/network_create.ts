/**
 * Translates a Docker client's request for a network into netsvc's. Pure.
 *
 * @module
 */
import type { z } from "zod";
import { formatCidr, parseCidrAddress } from "../../../../lib/ip/cidr.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { CreateNetwork, Scope } from "../../../../lib/api/types.ts";
import type { NetworkCreate } from "../bodies.ts";

/** Names of drivers that leave the choice to netsvc. */
const DEFAULT_DRIVERS = ["", "default", "netsvc"];
/** Docker's scopes; that of swarm, which spans all hosts, is netsvc's global one. */
const SCOPES: Record<string, Scope> = { local: "local", global: "global", swarm: "global" };

function refuse(message: string): never {
  throw new NetsvcError("invalid", message);
}

/**
 * Parses a request for a network.
 *
 * @throws {NetsvcError} `invalid` for settings that netsvc's networks don't support
 */
export function readNetworkCreate(
  body: z.output<typeof NetworkCreate>,
): { request: CreateNetwork; scope?: Scope } {
  if (body.Ingress) refuse("netsvc has no ingress networks: it has no swarm");
  if (body.EnableIPv4 === false && !body.EnableIPv6) {
    refuse("A network without IPv4 needs IPv6: give --ipv6 as well");
  }
  const scope = body.Scope ? SCOPES[body.Scope] : undefined;
  if (body.Scope && !scope) refuse(`Unknown scope "${body.Scope}"; use local or global`);
  const ipam = body.IPAM?.Driver ?? "";
  const configs = body.IPAM?.Config ?? [];
  const driver = body.Driver ?? "";
  const present = (values: (string | undefined)[]) =>
    values.filter((v) => v !== undefined && v !== "");
  return {
    ...scope && { scope },
    request: {
      name: body.Name,
      ...!DEFAULT_DRIVERS.includes(driver) && { driver: driver === "none" ? "null" : driver },
      ...!DEFAULT_DRIVERS.includes(ipam) && {
        ipamDriver: ipam,
        ipamOptions: body.IPAM?.Options ?? {},
      },
      // Like Docker, ignore the host bits of a subnet.
      subnets: present(configs.map(({ Subnet }) => Subnet)).map((subnet) =>
        formatCidr(parseCidrAddress(subnet!).cidr)
      ),
      gateways: present(configs.map(({ Gateway }) => Gateway)) as string[],
      ranges: present(configs.map(({ IPRange }) => IPRange)).map((range) =>
        formatCidr(parseCidrAddress(range!).cidr)
      ),
      aux: Object.assign({}, ...configs.map(({ AuxiliaryAddresses }) => AuxiliaryAddresses)),
      internal: body.Internal ?? false,
      ipv6: body.EnableIPv6 ?? false,
      ...body.EnableIPv4 === false && { ipv4: false },
      ...!DEFAULT_DRIVERS.includes(ipam) && {
        ipamDriver: ipam,
        ipamOptions: body.IPAM?.Options ?? {},
      },
      options: body.Options ?? {},
      labels: body.Labels ?? {},
    },
  };
}

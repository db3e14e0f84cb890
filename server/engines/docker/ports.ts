/**
 * The ports that a Docker container publishes, from its creation settings. Pure.
 *
 * @module
 */
import { formatIp, parseIp } from "../../../lib/ip/cidr.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";
import type { Inspected, PortBindings } from "./inspected.ts";

const MAX_PORT = 65_535;

function refuse(message: string): never {
  throw new NetsvcError("invalid", message);
}

/**
 * The ports that a container publishes.
 *
 * @throws {NetsvcError} `invalid` for what netsvc can't publish
 */
export function publishedPorts(
  { HostConfig, Config }: Pick<Inspected, "HostConfig" | "Config">,
): PublishedPort[] {
  const exposed = HostConfig.PublishAllPorts ? Object.keys(Config.ExposedPorts ?? {}) : [];
  const any = Object.fromEntries(exposed.map((port) => [port, [{ HostIp: "", HostPort: "" }]]));
  return readBindings({ ...any, ...HostConfig.PortBindings });
}

/** Ports that a container exposes, as `80/tcp`, published or not. */
export function exposedPorts(
  { HostConfig, Config }: Pick<Inspected, "HostConfig" | "Config">,
): string[] {
  const ports = [Config.ExposedPorts, HostConfig.PortBindings];
  return [...new Set(ports.flatMap((map) => Object.keys(map ?? {})))];
}

/** Reads bindings: `{"80/tcp": [{HostIp, HostPort}]}`. @throws {NetsvcError} `invalid` */
export function readBindings(bindings: PortBindings): PublishedPort[] {
  return Object.entries(bindings).flatMap(([key, hosts]) => {
    const [port, protocol = "tcp"] = key.split("/");
    return (hosts ?? []).map(({ HostIp, HostPort }): PublishedPort => {
      if (protocol !== "tcp" && protocol !== "udp") {
        refuse(
          `Cannot publish port ${key}: netsvc publishes tcp and udp; leave it out of the ports`,
        );
      }
      return {
        ...hostIp(HostIp ?? ""),
        ...hostPorts(HostPort ?? ""),
        containerPort: Number(port),
        protocol,
      };
    });
  });
}

function hostIp(text: string): { hostIp?: string } {
  return text === "" ? {} : { hostIp: formatIp(parseIp(text)) };
}

/** A host port, or a range in which any free port will do. */
function hostPorts(text: string): { hostPort: number; hostPortEnd?: number } {
  if (text === "") return { hostPort: 0 };
  const [, first, last] = text.match(/^(\d{1,5})(?:-(\d{1,5}))?$/) ?? [];
  const low = Number(first);
  const high = Number(last ?? first);
  if (first === undefined || low > high || high > MAX_PORT) {
    refuse(`Invalid host port ${JSON.stringify(text)}; write a port or a range like 8000-8010`);
  }
  return low === high ? { hostPort: low } : { hostPort: low, hostPortEnd: high };
}

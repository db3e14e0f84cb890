/**
 * `-p [IP:]HOST:CTR[/proto]`, and the ports of services. Pure.
 *
 * @module
 */
import type { PublishedPort, ServicePort } from "../../lib/api/types.ts";
import { usageError } from "../options/usage.ts";

const FORM = `write it [IP:]HOST:CONTAINER[/tcp|/udp], e.g. 8080:80 or 127.0.0.1:5353:53/udp`;
/** Ports that one range may hold. */
const MAX_RANGE = 256;

function parseRange(text: string, whole: string, lowest: number): number[] {
  const [, first, last] = text.match(/^(\d{1,5})(?:-(\d{1,5}))?$/) ?? [];
  const from = Number(first);
  const to = last === undefined ? from : Number(last);
  if (first === undefined || from < lowest || to > 65535 || to < from) {
    throw usageError("run", `Invalid port ${JSON.stringify(text)} in -p "${whole}"; ${FORM}`);
  }
  if (to - from >= MAX_RANGE) {
    throw usageError("run", `The range ${text} in -p "${whole}" has more than ${MAX_RANGE} ports`);
  }
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function parseProtocol(
  command: string,
  text: string | undefined,
  whole: string,
): "tcp" | "udp" {
  if (text === undefined || text === "tcp") return "tcp";
  if (text === "udp") return "udp";
  throw usageError(command, `Unknown protocol "${text}" in "${whole}"; use tcp or udp`);
}

/** Whether an address is valid or absent. */
function isAddress(ip6: string | undefined, ip4: string | undefined): boolean {
  if (ip6 !== undefined) return URL.canParse(`http://[${ip6}]/`);
  return ip4 === undefined || /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}/.test(ip4);
}

/**
 * Parses one `-p`; ranges give several ports, and a range for one port of the container a choice.
 *
 * @throws {NetsvcError} a usage error
 */
export function parsePublish(whole: string): PublishedPort[] {
  const [, ip6, ip4, host, container, proto] = whole.match(
    /^(?:(?:\[([0-9a-fA-F:.]+)\]|(\d+\.\d+\.\d+\.\d+)):)?(?:([\d-]*):)?([\d-]+)(?:\/(\w+))?$/,
  ) ??
    [];
  const hostIp = ip6 ?? ip4;
  // `1.2.3.4:80` alone would be an address and a container port, which Docker refuses too.
  if (container === undefined || (hostIp !== undefined && host === undefined)) {
    throw usageError("run", `Invalid -p ${JSON.stringify(whole)}; ${FORM}`);
  }
  if (!isAddress(ip6, ip4)) {
    throw usageError("run", `Invalid address ${JSON.stringify(hostIp)} in -p "${whole}"; ${FORM}`);
  }
  const protocol = parseProtocol("run", proto, whole);
  const inside = parseRange(container, whole, 1);
  const outside = host ? parseRange(host, whole, 0) : inside.map(() => 0);
  if (inside.length === 1 && outside.length > 1) {
    return [{
      ...hostIp !== undefined && { hostIp },
      hostPort: outside[0]!,
      hostPortEnd: outside.at(-1)!,
      containerPort: inside[0]!,
      protocol,
    }];
  }
  if (inside.length !== outside.length) {
    throw usageError("run", `The ranges in -p "${whole}" differ in length; give equal ones`);
  }
  return inside.map((containerPort, i) => ({
    ...hostIp !== undefined && { hostIp },
    hostPort: outside[i]!,
    containerPort,
    protocol,
  }));
}

/**
 * Parses `[NAME:]PORT[:TARGET][/PROTO]` of services; a name isn't all digits.
 *
 * @throws {NetsvcError} a usage error
 */
export function parseServicePort(whole: string, command: string): ServicePort {
  const [, name, port, target, proto] = whole.match(
    /^(?:((?=[0-9-]*[A-Za-z])[A-Za-z0-9-]{1,63}):)?(\d{1,5})(?::(\d{1,5}))?(?:\/(\w+))?$/,
  ) ?? [];
  const isPort = (number: number) => number >= 1 && number <= 65535;
  if (port === undefined || ![port, target ?? port].map(Number).every(isPort)) {
    throw usageError(
      command,
      `Invalid --port ${
        JSON.stringify(whole)
      }; write it [NAME:]PORT[:TARGET][/tcp|/udp], e.g. http:80:8080`,
    );
  }
  return {
    ...name !== undefined && { name },
    port: Number(port),
    protocol: parseProtocol(command, proto, whole),
    ...target !== undefined && { target: Number(target) },
  };
}

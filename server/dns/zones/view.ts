/**
 * What one sandbox's resolver answers: from the zones of its networks, and its own aliases for other services.
 * Pure.
 *
 * @module
 */
// @ts-types="../codec/dns_packet.d.ts"
import type { Answer } from "dns-packet";
import { cidrContains, formatIp, tryParseIp } from "../../../lib/ip/cidr.ts";
import type { LocalAnswer, Question } from "../codec/message.ts";
import type { Zone, ZonePort, ZoneTarget } from "./zone.ts";

/** The names that one sandbox sees. */
export interface View {
  /** Zones of its networks, in the order of its interfaces; they change in place. */
  networks: readonly Zone[];
  /** `attach --alias SERVICE:ALIAS`: this container's own aliases; they take precedence over all other names. */
  links: { alias: string; network: string; service: string }[];
  /** Whether other names are forwarded: not for sandboxes without access to the outside. */
  external: boolean;
}

/** TTL of answers that belong to no network, in seconds. */
const LOCALHOST_TTL = 3600;

/** Addresses of a service with many backends in one answer. */
const MOST_OF_MANY = 8;

type Found = { zone: Zone; targets: readonly ZoneTarget[] };

function plain(rcode: LocalAnswer["rcode"]): LocalAnswer {
  return { rcode, answers: [], additionals: [], authorities: [], rotate: false };
}

/** NODATA and NXDOMAIN carry a SOA, so that they are cached, and briefly (RFC 2308). */
function negative(rcode: "NOERROR" | "NXDOMAIN", zone: Zone): LocalAnswer {
  const soa: Answer = {
    type: "SOA",
    name: zone.name,
    ttl: zone.ttl,
    data: {
      mname: `ns.${zone.name}`,
      rname: `hostmaster.${zone.name}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86400,
      minimum: zone.ttl,
    },
  };
  return { ...plain(rcode), authorities: [soa] };
}

function inZone(zone: Zone | undefined, name: string): Found | undefined {
  const targets = zone?.targets(name);
  return targets && { zone: zone!, targets };
}

/**
 * Finds the targets of a lower-case name: an alias of the sandbox's own, `name.network`, or `name` on any of its
 * networks in order; an alias may have dots, but never takes another's full name. Names without a backend are
 * found, empty, after those that answer, and host names after all others.
 */
function findName(view: View, name: string): Found | undefined {
  const zoneNamed = (network: string) =>
    view.networks.find((zone) => zone.name.toLowerCase() === network.toLowerCase());
  const link = view.links.find(({ alias }) => alias.toLowerCase() === name);
  if (link) {
    const found = inZone(zoneNamed(link.network), link.service.toLowerCase());
    if (found) return found;
  }
  const dot = name.lastIndexOf(".");
  const [word, named] = dot > 0 ? [name.slice(0, dot), zoneNamed(name.slice(dot + 1))] : [name];
  let held = inZone(named, word);
  if (held && held.targets.length > 0) return held;
  for (const zone of view.networks) {
    const found = inZone(zone, name);
    if (found && found.targets.length > 0) return found;
    held ??= found;
  }
  return held ?? findHost(named, word) ?? view.networks.map((zone) => findHost(zone, name))
    .find((found) => found !== undefined);
}

function findHost(zone: Zone | undefined, name: string): Found | undefined {
  const targets = zone?.hostTargets(name);
  return targets && { zone: zone!, targets };
}

function addressRecords(
  name: string,
  type: "A" | "AAAA",
  target: ZoneTarget,
  ttl: number,
): Answer[] {
  return (type === "A" ? target.v4 : target.v6).map((data) => ({ type, name, ttl, data }));
}

function serviceRecords(name: string, found: Found, wanted: (port: ZonePort) => boolean) {
  const answers: Answer[] = [];
  const additionals: Answer[] = [];
  const { ttl } = found.zone;
  for (const target of found.targets) {
    const ports = target.ports.filter(wanted);
    for (const { port } of ports) {
      answers.push({
        type: "SRV",
        name,
        ttl,
        data: { port, target: target.fqdn, priority: 0, weight: target.weight },
      });
    }
    if (ports.length === 0) continue;
    additionals.push(
      ...addressRecords(target.fqdn, "A", target, ttl),
      ...addressRecords(target.fqdn, "AAAA", target, ttl),
    );
  }
  return { answers, additionals };
}

/** `_port._proto.name`, RFC 2782, with the port's name or number. */
function answerServiceLocation(view: View, question: Question): LocalAnswer | undefined {
  const match = question.name.toLowerCase().match(/^_([^.]+)\._(tcp|udp)\.(.+)$/);
  if (!match) return undefined;
  const [, label, protocol, name] = match as unknown as [string, string, string, string];
  const found = findName(view, name);
  if (!found) return undefined;
  const { answers, additionals } = serviceRecords(
    question.name,
    found,
    (port) =>
      port.protocol === protocol &&
      (port.name?.toLowerCase() === label || String(port.port) === label),
  );
  if (answers.length === 0) return negative("NXDOMAIN", found.zone);
  if (question.type !== "SRV" && question.type !== "ANY") return negative("NOERROR", found.zone);
  return { ...plain("NOERROR"), answers, additionals };
}

/** The address that a name below `in-addr.arpa` or `ip6.arpa` stands for, canonical. */
function reverseAddress(name: string): string | undefined {
  const v4 = name.match(/^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/);
  if (v4) return tryParseIp(v4.slice(1).reverse().join(".")) && v4.slice(1).reverse().join(".");
  if (!/^([0-9a-f]\.){32}ip6\.arpa$/.test(name)) return undefined;
  const digits = name.slice(0, 63).split(".").reverse().join("");
  const ip = tryParseIp(digits.match(/.{4}/g)!.join(":"));
  return ip && formatIp(ip);
}

function answerReverse(view: View, question: Question): LocalAnswer | undefined {
  const address = reverseAddress(question.name.toLowerCase());
  const ip = address === undefined ? undefined : tryParseIp(address);
  if (!ip) return undefined;
  for (const zone of view.networks) {
    if (!zone.subnets.some((subnet) => cidrContains(subnet, ip))) continue;
    const target = zone.targetAt(address!);
    // Private addresses aren't asked for outside (RFC 6303).
    if (!target) return negative("NXDOMAIN", zone);
    if (question.type !== "PTR" && question.type !== "ANY") return negative("NOERROR", zone);
    const data = target.fqdn;
    return {
      ...plain("NOERROR"),
      answers: [{ type: "PTR", name: question.name, ttl: zone.ttl, data }],
    };
  }
  return undefined;
}

/** `localhost` never leaves the machine (RFC 6761, 6.3). */
function answerLocalhost(question: Question): LocalAnswer | undefined {
  if (!/^(.+\.)?localhost$/is.test(question.name)) return undefined;
  const { name, type } = question;
  const answers: Answer[] = [];
  if (type === "A" || type === "ANY") {
    answers.push({ type: "A", name, ttl: LOCALHOST_TTL, data: "127.0.0.1" });
  }
  if (type === "AAAA" || type === "ANY") {
    answers.push({ type: "AAAA", name, ttl: LOCALHOST_TTL, data: "::1" });
  }
  return { ...plain("NOERROR"), answers };
}

function answerName(view: View, question: Question): LocalAnswer | undefined {
  const { name, type } = question;
  const found = findName(view, name.toLowerCase());
  if (!found) return undefined;
  const { zone, targets } = found;
  if (targets.length === 0) return negative("NXDOMAIN", zone);
  const answers: Answer[] = [];
  let additionals: Answer[] = [];
  for (const kind of ["A", "AAAA"] as const) {
    if (type !== kind && type !== "ANY") continue;
    for (const target of targets) answers.push(...addressRecords(name, kind, target, zone.ttl));
  }
  if (type === "SRV" || type === "ANY") {
    const services = serviceRecords(name, found, () => true);
    answers.push(...services.answers);
    if (type === "SRV") additionals = services.additionals;
  }
  if (answers.length === 0) return negative("NOERROR", zone);
  const isAddress = type === "A" || type === "AAAA";
  const few = isAddress && targets.some((target) => target.few);
  return {
    ...plain("NOERROR"),
    ...{ answers, additionals, rotate: isAddress },
    ...few && { most: MOST_OF_MANY },
  };
}

/** A view's answer to a question; `"forward"`: the question is for other resolvers. */
export function answerFrom(view: View, question: Question): LocalAnswer | "forward" {
  if (question.class !== "IN" && question.class !== "ANY") return plain("REFUSED");
  if (["AXFR", "IXFR"].includes(question.type)) return plain("REFUSED");
  const local = answerServiceLocation(view, question) ?? answerName(view, question) ??
    answerReverse(view, question) ?? answerLocalhost(question);
  if (local) return local;
  if (view.external) return "forward";
  // A single word that isn't known here isn't asked for elsewhere: NXDOMAIN, since some C libraries wait after
  // REFUSED.
  return plain(/^[^.]+$/.test(question.name) ? "NXDOMAIN" : "REFUSED");
}

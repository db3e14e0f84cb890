/**
 * What the shared store may hold: one strict schema per kind of record. Any client that reaches the store can write
 * anything into it, so no record is trusted before it has passed: names, addresses and interfaces become arguments of
 * commands that run as root. Pure.
 *
 * A record of another version than its kind's, or with an unknown key, is ignored rather than half understood.
 *
 * @module
 */
import { keys } from "./keys.ts";
import { parsed as parsedJson, unversioned, versionOf } from "./repository/record_type.ts";
import { safely } from "../../lib/api/safely.ts";
import { z } from "zod";
import { overlayOptions } from "../../drivers/overlay/options.ts";
import { splitEndpoint } from "../../drivers/overlay/tunnel/endpoint.ts";
import { KEY } from "../../lib/linux/wireguard/keys.ts";
import { checkMtu } from "../../lib/linux/net/mtu.ts";
import { checkPluginName } from "../../drivers/remote/plugin/discovery.ts";
import {
  cidrContains,
  isHostIp,
  isLinkAddress,
  parseCidr,
  parseCidrAddress,
  parseIp,
  tryParseIp,
} from "../../lib/ip/cidr.ts";
import { checkAlias, checkName } from "../../lib/api/names.ts";
import type {
  BackendRecord,
  EndpointRecord,
  HostRecord,
  MemberRecord,
  NamedService,
  NetworkRecord,
  RetiredRecord,
  RotationRecord,
  TunnelRecord,
} from "./records.ts";
import type { ProbeReady, ProbeReport, ProbeRequest } from "./repository/probes.ts";

/** Prefixes of the records of all networks, services and hosts. */
export const SHARED_PREFIXES: readonly string[] = [
  keys.networks,
  keys.services,
  keys.endpoints,
  keys.members,
  keys.hosts,
  keys.hostLeases,
  keys.tunnels,
];
/** Drivers whose networks are local to a host. */
const LOCAL_DRIVERS = new Set(["bridge", "host", "null", "none", "container"]);
/** A MAC address of one station, not of a group (IEEE 802, 8.2). */
const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/;
/** A name that ip(8) can't take for an option; at most 15 bytes (IFNAMSIZ), no path. */
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;
/** Names that mean several links, or the one that every sandbox has. */
const NO_INTERFACES = new Set(["all", "default", "lo"]);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
/** Control characters; those of Unicode that turn the direction of a line, or can't be seen, among them. */
// deno-lint-ignore no-control-regex -- the expression is meant to match them
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
/** Most items of a list in a record. */
const MAX_ITEMS = 256;

/** A text that passes one of the API's checks, which throw. */
function checked(check: (text: string) => unknown) {
  return z.string().max(256).superRefine((text, context) => {
    try {
      check(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message.slice(0, 200) });
    }
  });
}

/** One line of text for people, whole characters only. */
const line = (max: number) =>
  z.string().min(1).max(max)
    .refine((text) => text.isWellFormed() && !CONTROL.test(text), "no plain text");
/** A user's text, which may have several lines. */
const words = (max: number) =>
  z.string().max(max).refine((text) => text.isWellFormed() && !text.includes("\0"), "no text");
const list = <T extends z.ZodType>(item: T) => z.array(item).max(MAX_ITEMS);
const strings = z.record(words(255), words(4096)).superRefine((values, context) => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    if (Object.hasOwn(values, key)) context.addIssue({ code: "custom", message: `a key ${key}` });
  }
});
const id = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.string().regex(TIME).refine((text) => !Number.isNaN(Date.parse(text)));
const ip = checked(parseIp);
const hostIp = ip.refine((text) => {
  const address = tryParseIp(text);
  return address === undefined || isHostIp(address);
}, "no host's address");
const subnet = checked(parseCidr);
const addresses = list(checked((text) => {
  if (!isLinkAddress(parseCidrAddress(text))) throw new Error("no link can have it");
}));
const mac = z.string().regex(MAC).refine((text) => text !== "00:00:00:00:00:00");
const port = z.int().min(1).max(65535);

const pool = z.strictObject({
  family: z.union([z.literal(4), z.literal(6)]),
  subnet,
  gateway: ip.exactOptional(),
  range: subnet.exactOptional(),
  aux: z.record(line(255), ip).exactOptional(),
}).superRefine(({ family, subnet, gateway, range, aux }, context) => {
  const all = parsed(subnet);
  const inside = [gateway, range?.split("/")[0], ...Object.values(aux ?? {})]
    .filter((text) => text !== undefined);
  const fits = all?.family === family &&
    inside.every((text) => {
      const address = tryParseIp(text);
      return address !== undefined && cidrContains(all, address);
    });
  if (!fits) context.addIssue({ code: "custom", message: "not all in its subnet" });
});

function parsed(subnet: string): ReturnType<typeof parseCidr> | undefined {
  try {
    return parseCidr(subnet);
  } catch {
    return undefined; // The subnet's own check reports it.
  }
}

const network = z.strictObject({
  id,
  name: checked((name) => checkName("network", name)),
  driver: checked(checkPluginName)
    .refine((name) => !LOCAL_DRIVERS.has(name), "of a driver whose networks are a host's own"),
  scope: z.literal("global"),
  created: time,
  internal: z.boolean(),
  ipv6: z.boolean(),
  vni: z.int().min(1).max(2 ** 24 - 1).exactOptional(),
  pools: list(pool),
  ipam: z.strictObject({
    driver: checked(checkPluginName),
    options: strings,
    pools: list(z.strictObject({ poolId: words(4096) })),
    replay: z.boolean(),
  }).exactOptional(),
  options: strings,
  labels: strings,
  predefined: z.literal(false),
  docker: z.strictObject({
    name: line(255).exactOptional(),
    attachable: z.boolean().exactOptional(),
    options: strings.exactOptional(),
    ipamOptions: strings.exactOptional(),
    configFrom: line(255).exactOptional(),
  }).exactOptional(),
}).superRefine(({ driver, options, ipv6 }, context) => {
  try {
    if (driver === "overlay") checkMtu(overlayOptions(options).mtu, ipv6);
    else if (!/^\d{1,4}$/.test(options["ttl"] ?? "0")) throw new Error("no time to live");
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message.slice(0, 200) });
  }
});

const linkAlias = z.strictObject({
  service: line(256).regex(/^[^\s]+$/),
  alias: checked(checkAlias),
});

const backend = z.strictObject({
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

const service = z.strictObject({
  id,
  name: checked((name) => checkName("service", name)),
  network: id,
  created: time,
  mode: z.literal("single"),
  aliases: list(checked(checkAlias)),
  ports: list(z.strictObject({
    name: line(63).exactOptional(),
    port,
    protocol: z.enum(["tcp", "udp"]),
  })),
  auto: id.exactOptional(),
});

const endpoint = z.strictObject({
  id,
  service: id,
  network: id,
  addresses,
  mac,
  backend: backend.exactOptional(),
});

const host = z.strictObject({
  id,
  name: line(128),
  address: hostIp.exactOptional(),
  overlayPort: port,
  version: line(64),
  form: z.int().min(1).exactOptional(),
  started: time,
});

const member = z.strictObject({
  host: id,
  name: line(128),
  address: hostIp.exactOptional(),
});

const endpointText = z.string().max(64).refine((text) => {
  const parts = splitEndpoint(text);
  const address = parts && tryParseIp(parts.hostname);
  return address !== undefined && isHostIp(address);
}, "no endpoint");

const tunnel = z.strictObject({
  host: id,
  key: z.string().regex(KEY),
  next: z.string().regex(KEY).exactOptional(),
  made: time,
  endpoint: endpointText.exactOptional(),
  seen: z.record(z.string().regex(/^[0-9a-f]{64}$/), endpointText).refine(
    (seen) => Object.keys(seen).length <= MAX_ITEMS,
    "too many",
  ).exactOptional(),
});

const rotation = z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/), requested: time });

const retired = z.strictObject({ addresses, mac, retired: time });

const end = z.strictObject({
  address: ip.exactOptional(),
  port,
  sizes: z.array(z.int().min(0).max(65535)).max(16),
});
const heard = {
  heard: z.array(z.int().min(0).max(65535)).max(16),
  refused: z.record(z.string().regex(/^\d{1,5}$/), z.int().min(0).max(4096)),
};
const probes = {
  request: z.strictObject({ from: id, end }),
  ready: z.strictObject({ time: z.int(), end, failure: line(2000).exactOptional() }),
  report: z.strictObject({ ...heard }),
};

/** A kind of record. */
interface Kind {
  /** Pattern of the key; the record must repeat its groups. */
  key: RegExp;
  schema: z.ZodType;
  /** The newest known version, and the only one that is accepted. */
  version: number;
  /** Fields that must equal the key's groups of the same name. */
  repeats: string[];
}

const ID = "[0-9a-f]{64}";
/** A name as the last part of a key: in lower case. */
const NAME = "[a-z0-9_][a-z0-9_-]{0,62}";
const IP = "[0-9a-f.:]{2,39}";

function kind(key: string, schema: z.ZodType, ...repeats: string[]): Kind {
  return { key: new RegExp(`^${key}$`), schema, version: 1, repeats };
}

const KINDS: Record<string, Kind[]> = {
  networks: [kind(`networks/(?<id>${ID})`, network, "id")],
  "network-names": [kind(`network-names/${NAME}`, id)],
  "network-fences": [kind(`network-fences/${ID}`, line(64))],
  vnis: [kind("vnis/\\d{1,8}", id)],
  services: [
    { ...kind(`services/(?<network>${ID})/(?<id>${ID})`, service, "network", "id"), version: 2 },
  ],
  endpoints: [kind(`endpoints/(?<network>${ID})/(?<id>${ID})`, endpoint, "network", "id")],
  "service-names": [kind(`service-names/${ID}/${NAME}`, id)],
  addresses: [kind(`addresses/${ID}/${IP}`, id)],
  macs: [kind(`macs/${ID}/[0-9a-f:]{17}`, id)],
  retired: [kind(`retired/${ID}/${NAME}`, retired)],
  members: [kind(`members/${ID}/(?<host>${ID})`, member, "host")],
  "host-backends": [kind(
    `host-backends/${ID}/${ID}/${ID}`,
    checked((name) => checkName("service", name)),
  )],
  hosts: [kind(`hosts/(?<id>${ID})`, host, "id")],
  // A machine may have any name, as long as a line that shows it stays one line.
  "host-names": [kind("host-names/[^/\\x00-\\x1f\\x7f-\\x9f]{1,128}", id)],
  tunnels: [kind(`tunnels/(?<host>${ID})`, tunnel, "host")],
  meta: [
    kind("meta/form", z.strictObject({ form: z.int().min(1) })),
    kind("meta/rotation", rotation),
  ],
  "host-leases": [kind(`host-leases/${ID}`, line(128))],
  probes: (["request", "ready", "report"] as const).map((step) =>
    kind(`probes/${ID}/[0-9a-f]{16}/${step}`, probes[step])
  ),
  doctor: [kind(`doctor/${ID}`, z.strictObject({}))],
};

function kindOf(key: string): Kind | undefined {
  return KINDS[key.slice(0, key.indexOf("/"))]?.find((one) => one.key.test(key));
}

/** Why a record is invalid, in a few words; `undefined` when it is valid. */
export function faultOf(key: string, value: string): string | undefined {
  const found = kindOf(key);
  if (!found) {
    return KINDS[key.slice(0, key.indexOf("/"))]
      ? "its key is not one of netsvc's"
      : "netsvc has no such kind of record";
  }
  const record = parsedJson(value);
  if (record === undefined) return "it is no JSON";
  const version = versionOf(record);
  if (version > found.version) return `a newer netsvc wrote it, as version ${version}`;
  if (version !== found.version) return `it is of version ${version}, not ${found.version}`;
  const isObject = typeof record === "object" && record !== null && !Array.isArray(record);
  const body = isObject ? unversioned(record) : record;
  const result = safely(() => found.schema.safeParse(body));
  if (!result) return "its length is not a number";
  if (!result.success) return described(result.error);
  const groups = found.key.exec(key)?.groups ?? {};
  const other = found.repeats.find((name) =>
    (record as Record<string, unknown>)[name] !== groups[name]
  );
  return other === undefined ? undefined : `its ${other} isn't that of its key`;
}

function described(error: z.ZodError): string {
  const [issue] = error.issues;
  const where = issue && issue.path.length > 0 ? ` at "${issue.path.join(".").slice(0, 80)}"` : "";
  const what = issue?.code === "custom" ? issue.message : issue?.message.split(";")[0];
  return `it isn't as it should be${where}: ${what ?? "unknown"}`;
}

/** Whether a newer netsvc wrote a record, which must then be left alone. */
export function isNewer(key: string, value: string): boolean {
  const found = kindOf(key);
  return found !== undefined && versionOf(parsedJson(value)) > found.version;
}

// A field that is added to a record must be added to the schema.
type Within<A, B> = [A] extends [B] ? true : false;
type Same<A, B> = Within<A, B> & Within<B, A> & Within<keyof A, keyof B> & Within<keyof B, keyof A>;

const SAME: true[] = [
  true satisfies Same<
    z.infer<typeof network>,
    Omit<NetworkRecord, "scope" | "predefined" | "role"> & { scope: "global"; predefined: false }
  >,
  true satisfies Same<z.infer<typeof service>, Omit<NamedService, "leg">>,
  true satisfies Same<z.infer<typeof endpoint>, EndpointRecord>,
  true satisfies Same<z.infer<typeof backend>, BackendRecord>,
  true satisfies Same<z.infer<typeof host>, HostRecord>,
  true satisfies Same<z.infer<typeof member>, MemberRecord>,
  true satisfies Same<z.infer<typeof tunnel>, TunnelRecord>,
  true satisfies Same<z.infer<typeof rotation>, RotationRecord>,
  true satisfies Same<z.infer<typeof retired>, RetiredRecord>,
  true satisfies Same<z.infer<typeof probes.request>, ProbeRequest>,
  true satisfies Same<z.infer<typeof probes.ready>, ProbeReady>,
  true satisfies Same<z.infer<typeof probes.report>, ProbeReport>,
];
void SAME;

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
import { cidrContains, isHostIp, parseCidr, tryParseIp } from "../../lib/ip/cidr.ts";
import { checkName } from "../../lib/api/names.ts";
import type {
  BackendRecord,
  EndpointRecord,
  HostRecord,
  MemberRecord,
  NamedService,
  NetworkRecord,
  RetiredRecord,
  RotationRecord,
  ServiceMode,
  TunnelRecord,
} from "./records.ts";
import {
  addresses,
  checked,
  hostIp,
  id,
  ip,
  line,
  list,
  mac,
  MAX_ITEMS,
  port,
  strings,
  subnet,
  time,
  words,
} from "./schemas/fields.ts";
import { backend, endpoint, manyEndpoint, manyService, service } from "./schemas/services.ts";
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
  /** The only version that is accepted; a kind with several versions is there once for each. */
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
    {
      ...kind(`services/(?<network>${ID})/(?<id>${ID})`, manyService, "network", "id"),
      version: 3,
    },
  ],
  endpoints: [
    kind(`endpoints/(?<network>${ID})/(?<id>${ID})`, endpoint, "network", "id"),
    {
      ...kind(`endpoints/(?<network>${ID})/(?<id>${ID})`, manyEndpoint, "network", "id"),
      version: 2,
    },
  ],
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

/** The versions of the kind of record that a key is for, the newest last. */
function kindsOf(key: string): Kind[] {
  return KINDS[key.slice(0, key.indexOf("/"))]?.filter((one) => one.key.test(key)) ?? [];
}

/** Why a record is invalid, in a few words; `undefined` when it is valid. */
export function faultOf(key: string, value: string): string | undefined {
  const kinds = kindsOf(key);
  if (kinds.length === 0) {
    return KINDS[key.slice(0, key.indexOf("/"))]
      ? "its key is not one of netsvc's"
      : "netsvc has no such kind of record";
  }
  const record = parsedJson(value);
  if (record === undefined) return "it is no JSON";
  const version = versionOf(record);
  if (version > kinds.at(-1)!.version) return `a newer netsvc wrote it, as version ${version}`;
  const found = kinds.find((kind) => kind.version === version);
  if (!found) return `it is of version ${version}, not ${kinds.map((k) => k.version).join(" or ")}`;
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
  const newest = kindsOf(key).at(-1)?.version;
  return newest !== undefined && versionOf(parsedJson(value)) > newest;
}

// A field that is added to a record must be added to the schema.
type Within<A, B> = [A] extends [B] ? true : false;
type Same<A, B> = Within<A, B> & Within<B, A> & Within<keyof A, keyof B> & Within<keyof B, keyof A>;

const SAME: true[] = [
  true satisfies Same<
    z.infer<typeof network>,
    Omit<NetworkRecord, "scope" | "predefined" | "role"> & { scope: "global"; predefined: false }
  >,
  true satisfies Same<
    z.infer<typeof service>,
    Omit<NamedService, "leg" | "mode" | "addresses"> & { mode: "single" }
  >,
  true satisfies Same<
    z.infer<typeof manyService>,
    Omit<NamedService, "leg" | "auto" | "mode"> & { mode: Exclude<ServiceMode, "single"> }
  >,
  true satisfies Same<z.infer<typeof endpoint>, Omit<EndpointRecord, "weight" | "draining">>,
  true satisfies Same<
    z.infer<typeof manyEndpoint>,
    Omit<EndpointRecord, "backend"> & { backend: BackendRecord }
  >,
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

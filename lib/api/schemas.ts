/**
 * The edge: what is accepted and answered, as zod schemas from which the OpenAPI document is made.
 * Unknown keys are refused, so that a misspelt option is an error and not silence.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { ERROR_STATUS, type ErrorCode } from "./errors.ts";
import type * as wire from "./types.ts";

/** What is empty or malformed is refused by whoever knows what it should have been. */
const text = (max: number) => z.string().max(max);
const id = z.string().regex(/^[0-9a-f]{64}$/).openapi({ example: "aae601f43744…" });
const strings = z.record(z.string().max(255), z.string().max(4096));
/** Most items in one list of a request. */
const MAX_ITEMS = 256;
const list = <T extends z.ZodType>(item: T) => z.array(item).max(MAX_ITEMS);

export const Pool = z.object({
  family: z.union([z.literal(4), z.literal(6)]),
  subnet: z.string(),
  gateway: z.string().exactOptional(),
  range: z.string().exactOptional(),
  aux: strings.exactOptional(),
}).openapi("Pool");

export const Network = z.object({
  id,
  name: z.string(),
  driver: z.string(),
  scope: z.enum(["local", "global"]),
  created: z.string(),
  internal: z.boolean(),
  ipv6: z.boolean(),
  vni: z.int().exactOptional(),
  pools: z.array(Pool),
  ipam: z.object({
    driver: z.string(),
    options: strings,
    pools: z.array(z.object({ poolId: z.string() })),
    replay: z.boolean(),
  }).exactOptional(),
  options: strings,
  labels: strings,
  predefined: z.boolean(),
}).openapi("Network");

export const CreatedNetwork = Network.extend({ warnings: z.array(z.string()).exactOptional() })
  .openapi("CreatedNetwork");

export const CreateNetwork = z.strictObject({
  name: z.string().max(1024),
  driver: text(64).exactOptional(),
  subnets: list(text(64)).exactOptional(),
  gateways: list(text(64)).exactOptional(),
  ranges: list(text(64)).exactOptional(),
  aux: strings.exactOptional(),
  internal: z.boolean().exactOptional(),
  ipv4: z.boolean().exactOptional(),
  ipv6: z.boolean().exactOptional(),
  ipamDriver: text(64).exactOptional(),
  ipamOptions: strings.exactOptional(),
  options: strings.exactOptional(),
  labels: strings.exactOptional(),
}).openapi("CreateNetwork");

export const LinkAlias = z.strictObject({ service: text(256), alias: text(256) })
  .openapi("LinkAlias");

export const ServicePort = z.strictObject({
  name: text(63).min(1).exactOptional(),
  port: z.int().min(1).max(65535),
  protocol: z.enum(["tcp", "udp"]),
}).openapi("ServicePort");

export const Service = z.object({
  id,
  name: z.string(),
  network: z.object({ id, name: z.string(), scope: z.enum(["local", "global"]) }),
  created: z.string(),
  addresses: z.array(z.string()),
  mac: z.string(),
  aliases: z.array(z.string()),
  ports: z.array(ServicePort),
  auto: z.boolean(),
  backend: z.object({
    container: z.object({ id, name: z.string().exactOptional(), runtime: z.string() }),
    host: z.string(),
    interface: z.string(),
    attached: z.string(),
    aliases: z.array(LinkAlias),
  }).exactOptional(),
}).openapi("Service");

export const ListedNetwork = Network.extend({ serviceCount: z.int() }).openapi("ListedNetwork");

export const NetworkDetail = Network.extend({
  services: z.array(Service),
  endpoints: z.record(z.string(), z.record(z.string(), z.unknown())).exactOptional(),
}).openapi("NetworkDetail");

export const PublishService = z.strictObject({
  name: z.string().max(1024),
  network: text(256).exactOptional(),
  aliases: list(z.string().max(256)).exactOptional(),
  ips: list(text(64)).exactOptional(),
  mac: text(32).exactOptional(),
  ports: list(ServicePort).exactOptional(),
}).openapi("PublishService");

export const AttachService = z.strictObject({
  container: text(1024),
  aliases: list(LinkAlias).exactOptional(),
  restart: z.boolean().exactOptional(),
}).openapi("AttachService");

export const DetachService = z.strictObject({
  container: text(256).exactOptional(),
  force: z.boolean().exactOptional(),
}).openapi("DetachService");

export const Removed = z.object({ name: z.string(), cut: z.array(z.string()) })
  .openapi("Removed");

export const PublishedPort = z.strictObject({
  hostIp: z.union([z.ipv4(), z.ipv6()]).exactOptional(),
  hostPort: z.int().min(0).max(65535),
  hostPortEnd: z.int().min(1).max(65535).exactOptional(),
  containerPort: z.int().min(1).max(65535),
  protocol: z.enum(["tcp", "udp"]),
}).openapi("PublishedPort");

const process = {
  command: z.array(z.string().max(131072).refine((s) => !s.includes("\0"), "holds a NUL byte"))
    .min(1).max(4096),
  env: z.record(
    z.string().max(1024),
    z.string().max(131072).refine((s) => !s.includes("\0"), "holds a NUL byte"),
  ).exactOptional(),
  workdir: text(4096).exactOptional(),
  tty: z.boolean().exactOptional(),
  interactive: z.boolean().exactOptional(),
};

export const ProcessSpec = z.strictObject({
  ...process,
  rootfs: text(4096).exactOptional(),
  privileged: z.boolean().exactOptional(),
}).openapi("ProcessSpec");

export const ExecSpec = z.strictObject({ ...process, terminal: z.boolean().exactOptional() })
  .openapi("ExecSpec");

export const LaunchContainer = z.strictObject({ terminal: z.boolean().exactOptional() })
  .openapi("LaunchContainer");

const launched = {
  command: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  hostname: z.string(),
  tty: z.boolean(),
  terminal: z.boolean(),
  rootfs: z.string(),
  privileged: z.boolean(),
};

export const LaunchSpec = z.union([
  z.object({
    start: z.object({
      ...launched,
      workdir: z.string(),
      namespace: z.string(),
      ownNetwork: z.boolean(),
      namespaces: z.string(),
      binds: z.array(z.tuple([z.string(), z.string()])),
      pidFile: z.string(),
      statusFile: z.string(),
      logFile: z.string(),
    }),
  }),
  z.object({
    exec: z.object({
      ...launched,
      workdir: z.string().exactOptional(),
      pid: z.int(),
      begun: z.string(),
    }),
  }),
]).openapi("LaunchSpec");

const stopping = {
  signal: z.string().regex(/^(SIG)?[A-Z][A-Z0-9]+$/).exactOptional(),
  timeout: z.int().min(0).max(86_400).exactOptional(),
};

export const StopContainer = z.strictObject(stopping).openapi("StopContainer");

export const CreateContainer = z.strictObject({
  restart: text(32).exactOptional(),
  stopSignal: stopping.signal,
  stopTimeout: stopping.timeout,
  foreign: text(1024).exactOptional(),
  name: z.string().max(1024).exactOptional(),
  hostname: z.string().max(1024).exactOptional(),
  network: text(256).exactOptional(),
  publishServices: list(text(256)).exactOptional(),
  ports: list(PublishedPort).exactOptional(),
  process: ProcessSpec.exactOptional(),
  autoRemove: z.boolean().exactOptional(),
}).openapi("CreateContainer");

export const Container = z.object({
  id,
  name: z.string().exactOptional(),
  runtime: z.string(),
  created: z.string(),
  state: z.enum(["created", "running", "exited"]),
  exitCode: z.int().exactOptional(),
  pid: z.int().exactOptional(),
  hostname: z.string(),
  sandbox: z.string().exactOptional(),
  networkMode: z.string(),
  services: z.array(z.object({
    id,
    name: z.string(),
    network: z.string(),
    addresses: z.array(z.string()),
    interface: z.string(),
  })),
  ports: z.array(PublishedPort),
  command: z.array(z.string()).exactOptional(),
  autoRemove: z.boolean(),
  restart: z.string().exactOptional(),
  restarts: z.int().exactOptional(),
}).openapi("Container");

export const StartedProcess = z.strictObject({ pid: z.int().min(2).max(4194304) })
  .openapi("StartedProcess");
export const ExitedProcess = z.strictObject({ exitCode: z.int().min(0).max(255) })
  .openapi("ExitedProcess");

export const KillContainer = z.strictObject({
  signal: text(16),
  pid: z.int().min(2).max(4194304).exactOptional(),
  depth: z.int().min(0).max(8).exactOptional(),
}).openapi("KillContainer");

export const WaitResult = z.object({ done: z.boolean(), exitCode: z.int().exactOptional() })
  .openapi("WaitResult");

export const Host = z.object({
  id,
  name: z.string(),
  address: z.string().exactOptional(),
  status: z.enum(["up", "down"]),
  self: z.boolean(),
  version: z.string(),
  started: z.string(),
}).openapi("Host");

export const HostDetail = Host.extend({
  overlayPort: z.int(),
  services: z.array(z.object({ name: z.string(), network: z.string() })),
}).openapi("HostDetail");

export const Finding = z.object({
  check: z.string(),
  status: z.enum(["ok", "warning", "problem", "skipped"]),
  message: z.string(),
  remedy: z.string().exactOptional(),
}).openapi("Finding");

export const DoctorLine = z.union([z.object({ checking: z.string() }), Finding])
  .openapi("DoctorLine");

export const VersionInfo = z.object({
  version: z.string(),
  deno: z.string(),
  os: z.string(),
  arch: z.string(),
  kernel: z.string(),
  defaultNetwork: z.string(),
}).openapi("VersionInfo");

export const Problem = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]),
  causes: z.array(z.string()).exactOptional(),
}).openapi("Problem");

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Holds<T extends true[]> = T;

/** Compiles only while schemas and wire types accept the same values. */
export type SchemasMatchWireTypes = Holds<[
  Same<z.output<typeof Network>, wire.Network>,
  Same<z.output<typeof ListedNetwork>, wire.ListedNetwork>,
  Same<z.output<typeof NetworkDetail>, wire.NetworkDetail>,
  Same<z.output<typeof Service>, wire.Service>,
  Same<z.output<typeof Container>, wire.Container>,
  Same<z.output<typeof CreateNetwork>, wire.CreateNetwork>,
  Same<z.output<typeof PublishService>, wire.PublishService>,
  Same<z.output<typeof CreateContainer>, wire.CreateContainer>,
  Same<z.output<typeof ExecSpec>, wire.ExecSpec>,
  Same<z.output<typeof DoctorLine>, wire.DoctorLine>,
]>;

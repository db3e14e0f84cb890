/**
 * Containers.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { id, list, text, time } from "./fields.ts";
import { ProcessSpec, signal, stopTimeout } from "./process.ts";

/** `[IP:]HOST:CTR[/proto]`, parsed. */
export const PublishedPort = z.strictObject({
  hostIp: z.union([z.ipv4(), z.ipv6()]).describe("Address on the host; absent: all of them")
    .exactOptional(),
  hostPort: z.int().min(0).max(65535).describe("0: the daemon picks one"),
  hostPortEnd: z.int().min(1).max(65535)
    .describe("End of a range that begins with hostPort, of which the first free port is taken")
    .exactOptional(),
  containerPort: z.int().min(1).max(65535),
  protocol: z.enum(["tcp", "udp"]),
}).openapi("PublishedPort");

/** A service that a container backs. */
const BackedService = z.object({
  id,
  name: z.string(),
  network: z.string(),
  addresses: z.array(z.string()),
  interface: z.string(),
});

/** A container: what a sandbox belongs to. */
export const Container = z.object({
  id,
  name: z.string().exactOptional(),
  runtime: z.string().describe("netsvc for those that it made; docker, podman, pid, netns"),
  created: time,
  state: z.enum(["created", "running", "exited"])
    .describe("Life of its process; created has none (yet)"),
  exitCode: z.int().describe("0 to 255; absent while it runs, or when nobody saw it")
    .exactOptional(),
  pid: z.int().describe("Process id of the container's init on the host").exactOptional(),
  hostname: z.string(),
  sandbox: z.string()
    .describe("Path of the network namespace; absent in the modes host and container:ID")
    .exactOptional(),
  networkMode: z.string().describe("networks, host, none or container:ID"),
  services: z.array(BackedService),
  ports: z.array(PublishedPort),
  command: z.array(z.string()).exactOptional(),
  autoRemove: z.boolean(),
  restart: z.string()
    .describe("always, unless-stopped, on-failure[:N]; absent: it isn't restarted by itself")
    .exactOptional(),
  restarts: z.int().describe("How often it was restarted since a user started it").exactOptional(),
}).openapi("Container");

/**
 * Body of `POST /containers` and `POST /containers/expected`. With a process and without `network` and
 * `publishServices` the container goes to the default network; without a process it starts on none.
 */
export const CreateContainer = z.strictObject({
  restart: text(32).describe("no, always, unless-stopped, on-failure[:N]").exactOptional(),
  stopSignal: signal.describe("Signal that stops it; SIGTERM unless given").exactOptional(),
  stopTimeout: stopTimeout
    .describe("Seconds it may take to stop before it is killed; 10 unless given").exactOptional(),
  foreign: text(1024).describe(
    "A container of Docker or Podman (docker:REF) to adopt instead of making one; then name, " +
      "hostname, process and autoRemove are left out",
  ).exactOptional(),
  name: z.string().max(1024).exactOptional(),
  hostname: z.string().max(1024).exactOptional(),
  network: text(256).describe("Name, id or prefix of one, host, none or container:REF")
    .exactOptional(),
  publishServices: list(text(256))
    .describe("SERVICE[.NETWORK] each; published where they don't exist").exactOptional(),
  ports: list(PublishedPort).exactOptional(),
  process: ProcessSpec.exactOptional(),
  autoRemove: z.boolean().exactOptional(),
}).openapi("CreateContainer");

/** Body of `POST /containers/{ref}/rename`. */
export const RenameContainer = z.strictObject({ name: z.string().max(1024) })
  .openapi("RenameContainer");

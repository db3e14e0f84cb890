/**
 * Services.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { MAX_WEIGHT } from "../names.ts";
import { id, list, Scope, text, time } from "./fields.ts";

/** Another name of a service that one container alone resolves. */
export const LinkAlias = z.strictObject({
  service: text(256)
    .describe("SERVICE[.NETWORK]; without a network, on that of the service attached to"),
  alias: text(256),
}).openapi("LinkAlias");

/** A port that a service offers; what SRV answers with. */
export const ServicePort = z.strictObject({
  name: text(63).min(1).exactOptional(),
  port: z.int().min(1).max(65535),
  protocol: z.enum(["tcp", "udp"]),
  target: z.int().min(1).max(65535).describe(
    "The backends' port, of mode vip; the same unless given",
  )
    .exactOptional(),
}).openapi("ServicePort");

/** The container behind a service. */
const Backend = z.object({
  container: z.object({ id, name: z.string().exactOptional(), runtime: z.string() }),
  host: z.string().describe("Name of the host it runs on"),
  interface: z.string().describe("Name of the link inside the container, e.g. eth0"),
  attached: time,
  aliases: z.array(LinkAlias),
});

/** What a service's name answers. */
const Mode = z.enum(["single", "vip", "dnsrr"]).describe(
  "single: the address of the service, which one container at a time backs; vip: an address of the " +
    "service, from which connections are led to its backends; dnsrr: the addresses of its backends, at " +
    "most 8, in rotation",
);

const Weight = z.int().min(1).max(MAX_WEIGHT);

/** One of the containers behind a service that may have many. */
const Part = Backend.extend({
  id: id.describe("Of its endpoint"),
  addresses: z.array(z.string()).describe("CIDRs, IPv4 first"),
  mac: z.string(),
  weight: Weight.describe("Share beside those of the others"),
  state: z.enum(["active", "draining"]).describe("draining: it is given no new connections"),
});

/** A service: a name on a network. */
export const Service = z.object({
  id,
  name: z.string(),
  network: z.object({ id, name: z.string(), scope: Scope }),
  created: time,
  mode: Mode,
  addresses: z.array(z.string()).describe(
    "CIDRs, IPv4 first, e.g. 172.18.0.2/20; none of mode dnsrr",
  ),
  mac: z.string().describe("Lower case, with colons; empty of mode dnsrr"),
  aliases: z.array(z.string()),
  ports: z.array(ServicePort),
  auto: z.boolean()
    .describe("Published by a container under its own name; goes when the container does"),
  backend: Backend.describe("Of mode single, where a container is attached").exactOptional(),
  backends: z.array(Part).describe("Of other modes, by attachment").exactOptional(),
}).openapi("Service");

/** Body of `POST /services`. */
export const PublishService = z.strictObject({
  name: z.string().max(1024),
  network: text(256).describe("Name, id or prefix of one; the default network unless given")
    .exactOptional(),
  aliases: list(z.string().max(256)).exactOptional(),
  ips: list(text(64)).describe("At most one of each family").exactOptional(),
  mac: text(32).exactOptional(),
  ports: list(ServicePort).exactOptional(),
  mode: Mode.exactOptional(),
}).openapi("PublishService");

/** Body of `POST /services/{ref}/update`. */
export const UpdateService = z.strictObject({
  mode: Mode.exactOptional(),
  ports: list(ServicePort).describe("In place of those that it has").exactOptional(),
  weights: list(z.strictObject({ container: text(256), weight: Weight })).exactOptional(),
  drain: list(text(256)).describe("Backends that get no new connections from now on")
    .exactOptional(),
  activate: list(text(256)).describe("Backends that get new connections again").exactOptional(),
}).openapi("UpdateService");

/** Body of `POST /services/{ref}/attach`. */
export const AttachService = z.strictObject({
  container: text(1024).describe(
    "A container of netsvc, Docker or Podman by name, id or prefix of one, docker:REF, " +
      "podman:REF, pid:PID or netns:PATH",
  ),
  aliases: list(LinkAlias).exactOptional(),
  restart: z.boolean()
    .describe("Attach it again whenever Docker or Podman starts it").exactOptional(),
}).openapi("AttachService");

/** Body of `POST /services/{ref}/detach`. */
export const DetachService = z.strictObject({
  container: text(256).describe("Must be a backend; may be left out with force").exactOptional(),
  force: z.boolean().exactOptional(),
}).openapi("DetachService");

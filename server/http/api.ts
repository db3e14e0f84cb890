/**
 * netsvc's own API: all routes, and the document that describes them.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import * as schemas from "../../lib/api/schemas/mod.ts";
import { correctOptionalFields } from "./optional_fields.ts";
import { schemaError } from "./problems.ts";
import { type ClusterRouteParts, clusterRoutes } from "./routes/cluster.ts";
import { type ContainerParts, containerRoutes } from "./routes/containers.ts";
import { type DoctorParts, doctorRoutes } from "./routes/doctor.ts";
import { type HostParts, hostRoutes } from "./routes/hosts.ts";
import { type NetworkParts, networkRoutes } from "./routes/networks.ts";
import { type ProcessParts, processRoutes } from "./routes/processes.ts";
import { type ServiceParts, serviceRoutes } from "./routes/services.ts";
import { type SystemParts, systemRoutes } from "./routes/system.ts";

export type ApiParts =
  & NetworkParts
  & ServiceParts
  & ContainerParts
  & ProcessParts
  & HostParts
  & ClusterRouteParts
  & DoctorParts
  & SystemParts;

export function createApi(parts: ApiParts): OpenAPIHono {
  const api = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw schemaError(result.error);
    },
  });
  networkRoutes(api, parts);
  serviceRoutes(api, parts);
  containerRoutes(api, parts);
  processRoutes(api, parts);
  hostRoutes(api, parts);
  clusterRoutes(api, parts);
  doctorRoutes(api, parts);
  systemRoutes(api, parts);
  return api;
}

/** The OpenAPI document of an application. */
export function documentOf(app: OpenAPIHono, version: string) {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "netsvc",
      version,
      description: "Networks and services as first-class objects",
    },
  });
  correctOptionalFields(document.components?.schemas ?? {}, schemas);
  return document;
}

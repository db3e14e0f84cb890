/**
 * The libnetwork plugin protocol between Docker's daemon and a plugin: `POST /Type.Method`. Bodies are
 * encoded Go structures: a missing, an empty and a null field mean the same, and unknown fields are ignored.
 * Sources: libnetwork's `drivers/remote/api`, `ipams/remote/api`; moby `pkg/plugins`.
 *
 * @module
 */
import { safely } from "../../../lib/api/safely.ts";
import { getLogger } from "@logtape/logtape";
import { z } from "zod";
import { readBody } from "../../http/body.ts";
import { errorChain, NetsvcError, toNetsvcError } from "../../../lib/api/errors.ts";

const log = getLogger(["netsvc", "docker"]);

const CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json";

const text = z.string().nullish().transform((value) => value ?? "");
const required = z.string().min(1);
const strings = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});
const anything = z.record(z.string(), z.unknown()).nullish().transform((value) => value ?? {});
const data = z.array(z.object({ AddressSpace: text, Pool: text, Gateway: text })).nullish()
  .transform((value) => value ?? []);

/** Schema of each method's request; `null`: the body is ignored, and may be empty. */
export const REQUESTS = {
  "Plugin.Activate": null,
  "NetworkDriver.GetCapabilities": null,
  "NetworkDriver.AllocateNetwork": null,
  "NetworkDriver.FreeNetwork": null,
  "NetworkDriver.CreateNetwork": z.object({
    NetworkID: required,
    Options: anything,
    IPv4Data: data,
    IPv6Data: data,
  }),
  "NetworkDriver.DeleteNetwork": z.object({ NetworkID: required }),
  "NetworkDriver.CreateEndpoint": z.object({
    NetworkID: required,
    EndpointID: required,
    Interface: z.object({ Address: text, AddressIPv6: text, MacAddress: text }).nullish()
      .transform((value) => value ?? { Address: "", AddressIPv6: "", MacAddress: "" }),
  }),
  "NetworkDriver.EndpointOperInfo": null,
  "NetworkDriver.DeleteEndpoint": z.object({ NetworkID: required, EndpointID: required }),
  "NetworkDriver.Join": z.object({
    NetworkID: required,
    EndpointID: required,
    SandboxKey: required,
  }),
  "NetworkDriver.Leave": z.object({ NetworkID: required, EndpointID: required }),
  "NetworkDriver.ProgramExternalConnectivity": null,
  "NetworkDriver.RevokeExternalConnectivity": null,
  "NetworkDriver.DiscoverNew": null,
  "NetworkDriver.DiscoverDelete": null,
  "IpamDriver.GetCapabilities": null,
  "IpamDriver.GetDefaultAddressSpaces": null,
  "IpamDriver.RequestPool": z.object({
    AddressSpace: text,
    Pool: text,
    SubPool: text,
    Options: strings,
    V6: z.boolean().nullish().transform((value) => value ?? false),
  }),
  "IpamDriver.ReleasePool": z.object({ PoolID: required }),
  "IpamDriver.RequestAddress": z.object({ PoolID: required, Address: text, Options: strings }),
  "IpamDriver.ReleaseAddress": z.object({ PoolID: required, Address: text }),
} as const satisfies Record<string, z.ZodType | null>;

/** A method's name. */
export type Method = keyof typeof REQUESTS;
/** The parsed request of a method. */
export type RequestOf<M extends Method> = (typeof REQUESTS)[M] extends z.ZodType
  ? z.output<(typeof REQUESTS)[M]>
  : null;
/** All methods. Docker retries calls that got no answer, so each may be called twice. */
export type Methods = {
  [M in Method]: (request: RequestOf<M>) => Promise<Record<string, unknown>>;
};

/** Docker reads `Err` from network drivers, `Error` from IPAM drivers. */
function failure(status: number, error: unknown): Response {
  const message = errorChain(error).join(": ");
  return answer(status, { Err: message, Error: message });
}

function answer(status: number, body: Record<string, unknown>): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "content-type": CONTENT_TYPE },
  });
}

/** Parses a body. @throws {NetsvcError} `invalid`, `too_large` */
async function read(method: Method, request: Request): Promise<unknown> {
  const body = new TextDecoder().decode(await readBody(request));
  const schema = REQUESTS[method];
  if (schema === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    // Docker's retries have no body: an empty body must not count as a request without fields.
    throw new NetsvcError("invalid", `The body of ${method} is no JSON`, { cause });
  }
  const result = safely(() => schema.safeParse(value));
  if (result?.success) return result.data;
  if (!result) {
    throw new NetsvcError("invalid", `The body of ${method} has a length that is not a number`);
  }
  const { path, message } = result.error.issues[0]!;
  throw new NetsvcError("invalid", `The body of ${method} is wrong: ${path.join(".")}: ${message}`);
}

/** Makes the HTTP handler of the plugin. */
export function pluginHandler(methods: Methods): (request: Request) => Promise<Response> {
  return async (request) => {
    const name = new URL(request.url).pathname.slice(1);
    if (request.method !== "POST" || !Object.hasOwn(REQUESTS, name)) {
      await request.body?.cancel();
      return failure(404, new NetsvcError("not_found", `No such method: ${name}`));
    }
    const method = name as Method;
    try {
      const value = await read(method, request);
      const result = await (methods[method] as (value: unknown) => Promise<typeof methods>)(value);
      return answer(200, result);
    } catch (error) {
      const { code } = toNetsvcError(error);
      const cause = errorChain(error).join(": ");
      log.warn("Docker is refused {method}: {cause}", { method, cause });
      return failure(code === "invalid" || code === "too_large" ? 400 : 500, error);
    }
  };
}

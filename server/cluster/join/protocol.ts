/**
 * What a joining host and a voter say to each other, as JSON over TLS on {@linkcode JOIN_PORT}: `GET /authority`
 * answers with the authority's certificate, which the token's fingerprint vouches for; `POST /join` takes a host in.
 *
 * @module
 */
import { z } from "zod";
import { HostAddress, HostName } from "../control/host_text.ts";

/** Larger bodies are refused, in bytes. */
export const MAX_BODY = 16_384;

const hexadecimal = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));

/** A host asks to be taken in. */
export const JoinRequest = z.strictObject({
  token: z.strictObject({ id: hexadecimal(16), secret: hexadecimal(64) }),
  /** PEM; nothing of it counts but its key, and that it is signed by it. */
  request: z.string().max(4096),
  host: z.strictObject({
    id: hexadecimal(64),
    name: HostName,
    address: HostAddress,
  }),
});
export type JoinRequest = z.output<typeof JoinRequest>;

/** It was. */
export const JoinAnswer = z.strictObject({
  certificate: z.string(),
  /** PEM, one or more; the one that the token vouches for among them. */
  authorities: z.string(),
  cluster: hexadecimal(64),
  endpoints: z.array(z.strictObject({ host: z.string(), port: z.int() })).min(1),
  hosts: z.int(),
  voters: z.int(),
});
export type JoinAnswer = z.output<typeof JoinAnswer>;

/** It wasn't: an error of netsvc's. */
export const Refusal = z.object({ code: z.string(), message: z.string().max(1000) });

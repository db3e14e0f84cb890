/**
 * Channel credentials and options of an endpoint: plain text or TLS.
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import type { StoreUrl } from "../url/store_url.ts";

/** What a gRPC client needs for an endpoint. */
export interface Channel {
  credentials: grpc.ChannelCredentials;
  options: grpc.ChannelOptions;
}

/** Sent as the server's name (SNI) where it has an address only; no server has it. */
const NO_NAME = "address.invalid";

/** @throws {NetsvcError} `invalid` for malformed certificates or a malformed key */
export function channel(
  { tls, display }: Pick<StoreUrl, "tls" | "display">,
  host: string,
): Channel {
  if (!tls) return { credentials: grpc.credentials.createInsecure(), options: {} };
  const pem = (text: string | undefined) => text === undefined ? null : Buffer.from(text);
  // grpc-js gives the address as the name, which TLS doesn't allow (RFC 6066, section 3) and Deno
  // refuses; the certificate is held against the address all the same.
  const address = isIP(host) !== 0;
  try {
    return {
      credentials: grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert), {
        ...address && {
          checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
        },
      }),
      options: address ? { "grpc.ssl_target_name_override": NO_NAME } : {},
    };
  } catch (error) {
    throw new NetsvcError(
      "invalid",
      `The TLS files of the store "${display}" cannot be used: ${errorChain(error)[0]}`,
      { cause: error },
    );
  }
}

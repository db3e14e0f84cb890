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

/** What all connections to an etcd have. */
export const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  // gRPC's own pings can't be used: Deno's HTTP/2 doesn't send them, and gRPC then hangs up.
  "grpc.keepalive_time_ms": -1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  // Answers are bounded by what the store holds; etcd bounds requests.
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  // HTTPS_PROXY must not apply to a store.
  "grpc.enable_http_proxy": 0,
};

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

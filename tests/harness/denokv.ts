/**
 * A real Deno KV server for tests.
 *
 * @module
 */
import { exchange, type ServerOptions, TestServer } from "./server.ts";
import { SERVERS } from "./versions.ts";

/** The token that test servers ask for. */
export const DENOKV_TOKEN = "a-token-of-tests";

/** Starts a Deno KV server on an SQLite file. */
export function startDenoKv(options: ServerOptions = {}): Promise<TestServer> {
  return TestServer.create({
    provider: "denokv",
    argv: ({ directory, endpoint }) => [
      `${SERVERS}/denokv/usr/bin/denokv`,
      `--sqlite-path=${directory}/data.sqlite`,
      "serve",
      `--addr=${endpoint}`,
    ],
    env: { DENO_KV_ACCESS_TOKEN: DENOKV_TOKEN },
    ready: async (server) => {
      await exchange(server, "", options.namespace);
      return true;
    },
    url: ({ endpoint }) => `denokv:http://${endpoint}?token=${DENOKV_TOKEN}`,
  }, options);
}

/**
 * A real etcd for tests.
 *
 * @module
 */
import { ok } from "./command.ts";
import { freePort, type ServerOptions, SERVERS, TestServer } from "./server.ts";
import type { Certificates } from "./certificates.ts";

/** Options of {@linkcode startEtcd}. */
export interface EtcdOptions extends ServerOptions {
  /** Serve TLS with these, and ask clients for certificates of the same authority. */
  tls?: Certificates;
  /** Don't look at the server's certificate when waiting for it. */
  insecureProbe?: boolean;
}

/** Runs etcdctl against a server. */
export async function etcdctl(
  server: TestServer,
  argv: string[],
  namespace?: string,
): Promise<string> {
  return await ok([`${SERVERS}/etcd/usr/bin/etcdctl`, `--endpoints=${server.endpoint}`, ...argv], {
    env: { ETCDCTL_API: "3" },
    ...namespace !== undefined && { namespace },
  });
}

/** Starts an etcd. */
export function startEtcd(
  { tls, insecureProbe = false, ...options }: EtcdOptions = {},
): Promise<TestServer> {
  const peer = `http://127.0.0.1:${freePort()}`;
  const flags = tls
    ? [
      `--cert-file=${tls.cert}`,
      `--key-file=${tls.key}`,
      `--trusted-ca-file=${tls.ca}`,
      "--client-cert-auth",
    ]
    : [];
  const trust = insecureProbe ? "--insecure-skip-tls-verify" : `--cacert=${tls?.ca}`;
  const secure = tls ? [trust, `--cert=${tls.cert}`, `--key=${tls.key}`] : [];
  return TestServer.create({
    provider: "etcd",
    argv: ({ directory, endpoint }) => [
      `${SERVERS}/etcd/usr/bin/etcd`,
      "--name=test",
      `--data-dir=${directory}/data`,
      `--listen-client-urls=${tls ? "https" : "http"}://${endpoint}`,
      `--advertise-client-urls=${tls ? "https" : "http"}://${endpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=test=${peer}`,
      "--logger=zap",
      "--log-level=error",
      ...flags,
    ],
    ready: async (server) => {
      const argv = [...secure, "--dial-timeout=1s", "--command-timeout=2s", "get", "x"];
      await etcdctl(server, argv, options.namespace).catch((error) => {
        // With logins on, being asked for one is an answer.
        if (!/user name is empty/.test(String(error))) throw error;
      });
      return true;
    },
  }, options);
}

/** Puts a backup of `etcdctl snapshot save` in the place of the data of a server that is stopped. */
export async function etcdRestore(server: TestServer, backup: string): Promise<void> {
  const { directory } = server;
  await Deno.remove(`${directory}/data`, { recursive: true });
  await etcdctl(server, ["snapshot", "restore", backup, `--data-dir=${directory}/data`]);
}

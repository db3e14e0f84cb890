/**
 * A real Consul for tests.
 *
 * @module
 */
import { run } from "./command.ts";
import { freePort, type ServerOptions, TestServer } from "./server.ts";
import { program, VERSIONS } from "./versions.ts";
import type { Certificates } from "./certificates.ts";

/** Options of {@linkcode startConsul}. */
export interface ConsulOptions extends ServerOptions {
  /** Serve TLS with these, and ask clients for certificates of the same authority. */
  tls?: Certificates;
  /** Refuse who doesn't show this token. */
  token?: string;
}

/** Starts a Consul: one server with its state on the disk. */
export function startConsul(
  { tls, token, version, member, ...options }: ConsulOptions = {},
): Promise<TestServer> {
  const peers = member?.peers ?? [{ host: "", ports: [freePort(), freePort(), freePort()] }];
  const index = member?.index ?? 0;
  const [server, lan, wan] = peers[index]!.ports;
  const scheme = tls ? "https" : "http";
  return TestServer.create({
    provider: "consul",
    prepare: async ({ directory, host, port }) => {
      const config = {
        server: true,
        bootstrap_expect: peers.length,
        node_name: `n${index}`,
        // All by name and address; a lone one has nobody to join.
        ...member && { retry_join: peers.map(({ host, ports }) => `${host}:${ports[1]}`) },
        retry_interval: "1s",
        data_dir: `${directory}/data`,
        bind_addr: host,
        client_addr: host,
        log_level: "warn",
        disable_update_check: true,
        leave_on_terminate: false,
        // As -dev does: elections of a lone server take no seconds.
        performance: { raft_multiplier: 1 },
        ports: {
          dns: -1,
          grpc: -1,
          // Unknown to the oldest, and open to be taken in the others.
          ...version !== VERSIONS.consul[0] && { grpc_tls: -1 },
          server,
          serf_lan: lan,
          serf_wan: wan,
          http: tls ? -1 : port,
          https: tls ? port : -1,
        },
        ...tls && {
          ca_file: tls.ca,
          cert_file: tls.cert,
          key_file: tls.key,
          verify_incoming_https: true,
        },
        ...token !== undefined && {
          acl: { enabled: true, default_policy: "deny", tokens: { master: token, agent: token } },
        },
      };
      await Deno.writeTextFile(`${directory}/consul.json`, JSON.stringify(config));
    },
    argv: ({ directory }) => [
      program("consul", version),
      "agent",
      `-config-file=${directory}/consul.json`,
    ],
    ready: async ({ endpoint }) => {
      // A write goes through when there is a leader, which is later than the port is open.
      const { code } = await run([
        ...["curl", "-fsS", "-m2", "-X", "PUT", "-d", "", "-H", `X-Consul-Token: ${token ?? ""}`],
        ...tls ? ["--cacert", tls.ca, "--cert", tls.cert, "--key", tls.key] : [],
        `${scheme}://${endpoint}/v1/kv/ready`,
      ], options);
      return code === 0;
    },
  }, options);
}

/**
 * A real ZooKeeper for tests.
 *
 * @module
 */
import { exchange, type ServerOptions, TestServer } from "./server.ts";
import type { Certificates } from "./certificates.ts";
import { ok } from "./command.ts";

/** Length of a tick in milliseconds: sessions last 2 to 20 of them. */
const TICK_MS = 500;

/** Options of {@linkcode startZooKeeper}. */
export interface ZooKeeperOptions extends ServerOptions {
  /** Serve TLS with these, and ask clients for certificates of the same authority. */
  tls?: Certificates;
}

/** Asks a server without TLS for one of its four-letter words. */
export function fourLetters(
  server: TestServer,
  word: string,
  namespace?: string,
): Promise<string> {
  return exchange(server, word, namespace);
}

/** Starts a ZooKeeper: one server with its state on the disk. */
export function startZooKeeper({ tls, ...options }: ZooKeeperOptions = {}): Promise<TestServer> {
  return TestServer.create({
    provider: "zookeeper",
    prepare: async ({ directory, host, port }) => {
      const address = tls ? "secureClientPort" : "clientPort";
      const lines = [
        `tickTime=${TICK_MS}`,
        `dataDir=${directory}/data`,
        `${address}=${port}`,
        `${address}Address=${host}`,
        "maxClientCnxns=0",
        "4lw.commands.whitelist=*",
        "admin.enableServer=false",
        ...tls
          ? [
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
            `ssl.keyStore.location=${directory}/server.pem`,
            "ssl.keyStore.type=PEM",
            `ssl.trustStore.location=${tls.ca}`,
            "ssl.trustStore.type=PEM",
          ]
          : [],
      ];
      if (tls) {
        // Its reader of PEM knows PKCS #8 alone.
        const key = await ok(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", tls.key]);
        const certificate = await Deno.readTextFile(tls.cert);
        await Deno.writeTextFile(`${directory}/server.pem`, `${key}\n${certificate}`);
      }
      await Deno.writeTextFile(`${directory}/zoo.cfg`, lines.join("\n"));
    },
    argv: ({ directory }) => [
      "java",
      "-Xmx256m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Dzookeeper.forceSync=no",
      "-cp",
      "/usr/share/java/*",
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      `${directory}/zoo.cfg`,
    ],
    ready: async (server) => {
      if (!tls) return (await fourLetters(server, "ruok", options.namespace)) === "imok";
      await exchange(server, "", options.namespace);
      return true;
    },
  }, options);
}

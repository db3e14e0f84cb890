/**
 * A real ZooKeeper for tests.
 *
 * @module
 */
import { exchange, type ServerOptions, TestServer } from "./server.ts";
import type { Certificates } from "./certificates.ts";
import { ok } from "./command.ts";
import { jars } from "./versions.ts";

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
export function startZooKeeper(
  { tls, version, member, ...options }: ZooKeeperOptions = {},
): Promise<TestServer> {
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
        ...member
          ? [
            "initLimit=10",
            "syncLimit=4",
            ...member.peers.map(({ host, ports: [follow, elect] }, i) =>
              `server.${i + 1}=${host}:${follow}:${elect}`
            ),
          ]
          : [],
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
      if (!member) return;
      await Deno.mkdir(`${directory}/data`);
      await Deno.writeTextFile(`${directory}/data/myid`, `${member.index + 1}`);
    },
    argv: ({ directory }) => [
      "java",
      "-Xmx256m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Dzookeeper.forceSync=no",
      "-cp",
      jars(version),
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      `${directory}/zoo.cfg`,
    ],
    ready: async (server) => {
      // Without a quorum it says "This ZooKeeper instance is not currently serving requests".
      if (!tls) return /^Mode: /m.test(await fourLetters(server, "srvr", options.namespace));
      await exchange(server, "", options.namespace);
      return true;
    },
  }, options);
}

/**
 * A real etcd for tests.
 *
 * @module
 */
import { ok, until } from "./command.ts";
import { freePort, type ServerOptions, TestServer } from "./server.ts";
import { program, SERVERS } from "./versions.ts";
import type { Certificates } from "./certificates.ts";

/** Options of {@linkcode startEtcd}. */
export interface EtcdOptions extends ServerOptions {
  /** Serve TLS with these, and ask clients for certificates of the same authority. */
  tls?: Certificates;
  /** Value of `--auth-token`. */
  authToken?: string;
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
  { tls, insecureProbe = false, version, member, authToken, ...options }: EtcdOptions = {},
): Promise<TestServer> {
  const peers = (member?.peers ?? [{ host: "127.0.0.1", ports: [freePort()] }])
    .map(({ host, ports }, i) => ({ name: `m${i}`, url: `http://${host}:${ports[0]}` }));
  const { name, url: peer } = peers[member?.index ?? 0]!;
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
      program("etcd", version),
      `--name=${name}`,
      `--data-dir=${directory}/data`,
      `--listen-client-urls=${tls ? "https" : "http"}://${endpoint}`,
      `--advertise-client-urls=${tls ? "https" : "http"}://${endpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${peers.map(({ name, url }) => `${name}=${url}`).join(",")}`,
      // One that was taken out and comes back empty finds the others there.
      `--initial-cluster-state=${existing(directory) ? "existing" : "new"}`,
      ...authToken === undefined ? [] : [`--auth-token=${authToken}`],
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

/** Whether a member was told that its ensemble exists, see {@linkcode replaceEtcdMember}. */
function existing(directory: string): boolean {
  try {
    return Deno.statSync(`${directory}/existing`).isFile;
  } catch {
    return false;
  }
}

/**
 * Takes a member out of its ensemble and puts an empty one in its place, as one does with a machine
 * that is lost.
 *
 * @param other a member that goes on
 */
export async function replaceEtcdMember(
  server: TestServer,
  { name, url }: { name: string; url: string },
  other: TestServer,
  namespace?: string,
): Promise<void> {
  const list = await etcdctl(other, ["member", "list"], namespace);
  const id = list.split("\n").find((line) => line.split(", ")[2] === name)!.split(", ")[0]!;
  await server.stop("SIGKILL");
  const again = (what: string, words: string[]) =>
    until(what, () => etcdctl(other, words, namespace).then(() => true, () => false), 30_000);
  // It may have been the leader.
  await again("the member is removed", ["member", "remove", id]);
  // It wants to have been in touch with all others for a while.
  await again("a member is added", ["member", "add", name, `--peer-urls=${url}`]);
  await Deno.remove(`${server.directory}/data`, { recursive: true });
  await Deno.writeTextFile(`${server.directory}/existing`, "");
  await server.start();
}

/** Makes a backup, for which the server is stopped and started again. */
export async function etcdBackUp(server: TestServer): Promise<void> {
  const { directory } = server;
  // Asked to stop, it would wait for the ends of its streams: seven seconds.
  await server.stop("SIGKILL");
  await ok(["cp", "-a", `${directory}/data`, `${directory}/backup`]);
  await server.start();
}

/** Puts the backup in the place of the data of a server that is stopped. */
export async function etcdRestore({ directory }: TestServer): Promise<void> {
  await Deno.remove(`${directory}/data`, { recursive: true });
  await ok(["cp", "-a", `${directory}/backup`, `${directory}/data`]);
}

/**
 * Puts a snapshot of `etcdctl snapshot save` in the place of the data of a server that is stopped: as
 * another cluster with other members. Of version 3.4 alone, whose etcdctl this is.
 */
export async function etcdRestoreSnapshot(server: TestServer, snapshot: string): Promise<void> {
  const { directory } = server;
  await Deno.remove(`${directory}/data`, { recursive: true });
  await etcdctl(server, ["snapshot", "restore", snapshot, `--data-dir=${directory}/data`]);
}

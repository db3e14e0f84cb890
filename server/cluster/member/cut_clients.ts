/**
 * Ends the connections of this host's etcd. etcd looks at a certificate when a connection begins and never again: who
 * was put out would go on with those that it has.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { deadline } from "../../../lib/async/deadline.ts";
import { startChild } from "../../../lib/linux/processes/child.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT } from "../files/ports.ts";
import type { EtcdChild } from "../etcd/etcd_child.ts";

const log = getLogger(["netsvc", "cluster"]);
const SS_MS = 5_000;

/** Connections to etcd's ports, as filter of ss(8). */
const OURS = [
  ...["state", "connected", "("],
  ...["sport", "=", `:${ETCD_CLIENT_PORT}`, "or", "sport", "=", `:${ETCD_PEER_PORT}`, ")"],
];

async function ss(...words: string[]): Promise<string> {
  // By way of the shell: the executable may start few programs by itself.
  const args = ["-c", 'exec ss "$@"', "sh", ...words];
  const child = startChild("sh", { args, stdin: "null", stdout: "piped", stderr: "null" });
  const { success, stdout } = await deadline(child.output(), SS_MS);
  if (!success) throw new Error("ss(8) failed");
  return new TextDecoder().decode(stdout);
}

/** What names each connection in ss's lines: both ends. */
function connections(text: string): Set<string> {
  return new Set(
    text.split("\n").map((line) => line.trim().split(/\s+/).slice(-2).join(" ")).filter(Boolean),
  );
}

/**
 * Ends them all: those of hosts of the cluster come again within milliseconds. A kernel that can't end others'
 * connections (without CONFIG_INET_DIAG_DESTROY) has etcd restarted.
 */
export async function cutClients(child: Pick<EtcdChild, "restart">): Promise<void> {
  try {
    const before = connections(await ss("-Htn", ...OURS));
    await ss("-KHtn", ...OURS);
    const after = connections(await ss("-Htn", ...OURS));
    if (![...before].some((one) => after.has(one))) return;
    log.info("This kernel ends no connections of others; etcd is restarted instead");
  } catch (error) {
    log.warn("Cannot end etcd's connections: {error}; it is restarted instead", { error });
  }
  await child.restart();
}

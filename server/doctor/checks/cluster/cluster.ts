/**
 * Checks the cluster that this host is in: whether it is still one of its hosts, its voters, what this host's own etcd
 * needs, and the ports between hosts.
 *
 * @module
 */
import type { Finding } from "../../../../lib/api/types.ts";
import { forEachPooled } from "../../../../lib/async/pool.ts";
import type { CheckContext } from "../../check.ts";
import { enumerate, findingsOf } from "../../finding.ts";
import { isTaken, type PortState, tryPort } from "./try_port.ts";

const { ok, warning, problem } = findingsOf("cluster");

/** Connections that are tried at once. */
const AT_ONCE = 16;

/** What came of the ports of one host. */
export interface TriedPorts {
  name: string;
  ports: { port: number; state: PortState }[];
}

/** The findings about ports that hosts need. Pure. */
export function judgePorts(tried: readonly TriedPorts[]): Finding[] {
  return tried.flatMap(({ name, ports }): Finding[] => {
    const silent = ports.filter(({ state }) => state === "silent").map(({ port }) => `${port}`);
    const refused = ports.filter(({ state }) => state === "refused").map(({ port }) => `${port}`);
    return [
      ...silent.length === 0 ? [] : [problem(
        `Nothing comes back from TCP port ${enumerate(silent)} of voter "${name}"`,
        `Allow it there from this host's address, and see whether the host is up and the way to it is`,
      )],
      ...refused.length === 0 ? [] : [problem(
        `Nobody listens on TCP port ${enumerate(refused)} of voter "${name}"`,
        `See whether its daemon and its etcd run, and whether another program has the port: ss -ltnp there`,
      )],
    ];
  });
}

/** Whether the tunnel could have its port, while it hasn't. */
function checkUdp(port: number | undefined): Finding[] {
  if (port === undefined || !isTaken(port)) return [];
  return [warning(
    `Another program has UDP port ${port}, which encrypted networks need`,
    `See which: ss -lunp; end it, or give the daemon another --wireguard-port`,
  )];
}

/** Checks it; says nothing on a host that is in no cluster of `init`'s. */
export async function checkCluster({ cluster }: CheckContext): Promise<Finding[]> {
  if (!cluster.inCluster) return [];
  const found = (await cluster.troubles()).map(({ severity, message, remedy }) =>
    severity === "problem" ? problem(message, remedy) : warning(message, remedy)
  );
  const tried: TriedPorts[] = [];
  await forEachPooled(await cluster.ports(), async ({ name, address, ports }) => {
    const states = await Promise.all(
      ports.map(async (port) => ({ port, state: await tryPort(address, port) })),
    );
    tried.push({ name, ports: states });
  }, { size: AT_ONCE });
  const all = [...found, ...judgePorts(tried), ...checkUdp(cluster.wireguardPort())];
  if (all.length > 0) return all;
  return [
    ok(
      tried.length === 0
        ? "This host is one of its cluster"
        : `This host is one of its cluster, and reaches all ports of its ${tried.length} voter${
          tried.length === 1 ? "" : "s"
        }`,
    ),
  ];
}

/**
 * Checks the other hosts: which are down, which differ in version or settings, and whether tunnels to them
 * work in both directions.
 *
 * @module
 */
import { isEncrypted } from "../../../drivers/overlay/options.ts";
import { forEachPooled } from "../../../lib/async/pool.ts";
import type { Underlay } from "../../../drivers/driver.ts";
import { EchoProbe } from "../../../lib/linux/sockets/datagram.ts";
import type { HostRecord } from "../../model/records.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import type { Finding } from "../../../lib/api/types.ts";
import { judgeClocks } from "./clock.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";
import type { ProbeResult } from "../../model/repository/probes.ts";
import { checkReversePath } from "./reverse_path.ts";
import { judgeWay } from "../probes/path_verdict.ts";

const { warning, problem, skipped } = findingsOf("underlay");
/** Number of peers examined concurrently. */
const AT_ONCE = 16;
/** Deadline for the answer to a ping, in milliseconds. */
const PING_MS = 2_000;

/** Findings about hosts whose records differ where all must agree. */
function differences(self: HostRecord, peers: HostRecord[]): Finding[] {
  return peers.flatMap(({ name, overlayPort, version }) => [
    ...overlayPort === self.overlayPort ? [] : [problem(
      `Host "${name}" has UDP port ${overlayPort} for overlay networks, this one ${self.overlayPort}: ` +
        `they don't work between them`,
      "Give all daemons the same --overlay-port",
    )],
    ...version === self.version ? [] : [warning(
      `Host "${name}" runs netsvc ${version}, this one ${self.version}`,
      "Run one version on all hosts",
    )],
  ]);
}

async function examine(
  check: CheckContext,
  underlay: Underlay,
  { id, address }: HostRecord,
): Promise<ProbeResult> {
  const sameFamily = address?.includes(":") === underlay.address.includes(":");
  const ping = async () => {
    if (address === undefined || !sameFamily) return false;
    using echo = new EchoProbe(underlay);
    return await echo.reaches(address, PING_MS);
  };
  const [result, reached] = await Promise.all([check.probes!.examine(id), ping()]);
  return { ...result, ping: reached };
}

/** Examines all peers, at most {@linkcode AT_ONCE} concurrently. */
async function examineAll(
  check: CheckContext,
  underlay: Underlay,
  peers: HostRecord[],
): Promise<Finding[]> {
  const findings = new Map<string, Finding[]>();
  const needsPort = !isAllEncrypted(check);
  const clocks: { name: string; ahead: number; within: number }[] = [];
  await forEachPooled(peers, async (peer) => {
    const { name, address = "an unknown address" } = peer;
    const result = await examine(check, underlay, peer);
    findings.set(name, [
      ...needsPort ? judgeWay({ name, address }, result) : [],
      ...await checkReversePath(check.runner, { underlay, peer }),
    ]);
    if (result.clock) clocks.push({ name, ...result.clock });
  }, { size: AT_ONCE });
  return [
    ...peers.flatMap(({ name }) => findings.get(name)!),
    ...needsPort ? [] : [skipped(
      "All overlay networks are encrypted: their UDP port needs to be open in the tunnel alone",
    )],
    judgeClocks(clocks),
  ];
}

/** Whether there are overlay networks, and none whose packets hosts exchange in the clear. */
function isAllEncrypted({ context: { state } }: CheckContext): boolean {
  const overlays = [...state.networks.values()].map(({ record }) => record)
    .filter(({ driver }) => driver === "overlay");
  return overlays.length > 0 && overlays.every(isEncrypted);
}

/** Checks the other hosts and the paths to them. */
export async function checkPeers(check: CheckContext): Promise<Finding[]> {
  const { hosts, link, context } = check;
  if (!check.probes || !link) {
    return [skipped("This host does not share its store (--kv-store local)")];
  }
  const known = await hosts.known();
  const self = known.find(({ record }) => record.id === context.hostId)!.record;
  const others = known.filter(({ record }) => record.id !== context.hostId);
  const peers = others.filter(({ alive }) => alive).map(({ record }) => record);
  const down = others.filter(({ alive }) => !alive).map(({ record: { name } }) =>
    warning(
      `Host "${name}" is down: its lease has ended`,
      `Start its daemon, or look at the way from it to the store; if it is gone for good: netsvc ` +
        `host rm ${name}`,
    )
  );
  const before = [...down, ...differences(self, peers)];
  await check.underlay.refresh();
  const underlay = check.underlay.current;
  if (!underlay) {
    return [
      ...before,
      problem(
        "This host has no address that other hosts reach",
        "Give its daemon one with --advertise",
      ),
    ];
  }
  if (peers.length === 0) return [...before, skipped("There is no other living host")];
  if (link.away || !context.cluster.membership.lease) {
    return [
      ...before,
      skipped(
        "The way to other hosts is examined together with them, through the store, which is away",
      ),
    ];
  }
  try {
    return [...before, ...await examineAll(check, underlay, peers)];
  } catch (error) {
    return [
      ...before,
      problem(
        `The way to other hosts can't be examined: ${errorChain(error)[0]}`,
        "End the program that has the port, or give all daemons another --overlay-port",
      ),
    ];
  }
}

/**
 * Turns the result of probing the path to a peer into findings. Pure.
 *
 * @module
 */
import { EHOSTUNREACH, EMSGSIZE, ENETUNREACH, EPERM } from "../../../lib/linux/errno.ts";
import type { Finding } from "../../../lib/api/types.ts";
import { findingsOf } from "../finding.ts";
import type { Heard, ProbeEnd, ProbeResult } from "../../model/repository/probes.ts";

const { ok, problem } = findingsOf("underlay");

/** How messages name the peer. */
export interface PeerName {
  name: string;
  address: string;
}

/** One direction of the path. */
interface Direction {
  sender: string;
  receiver: string;
  /** Address of the sender. */
  from: string;
  /** UDP port of the receiver. */
  port: number;
  sizes: number[];
  heard: number[];
  refused: Record<number, number>;
}

function allow({ port, from }: Direction): string {
  return `UDP port ${port} from ${from}, e.g. with nft insert rule … udp dport ${port} accept, ` +
    `ufw allow from ${from} to any port ${port} proto udp, or ` +
    `firewall-cmd --permanent --add-port=${port}/udp, and in firewalls or security groups between`;
}

/** The finding about a direction in which no packet arrived. */
function closed(way: Direction): Finding {
  const { sender, receiver, port, sizes, refused } = way;
  switch (refused[sizes[0]!]) {
    case EPERM:
      return problem(
        `The firewall of ${sender} itself drops what it sends to UDP port ${port} of ${receiver}`,
        `Allow outgoing UDP to port ${port} on ${sender}: look for it in nft list ruleset, hook output`,
      );
    case ENETUNREACH:
    case EHOSTUNREACH:
      return problem(
        `${capital(sender)} has no route to ${receiver}`,
        `Look at ip route get on ${sender} and at its links; or give both daemons --advertise ` +
          `addresses that reach each other`,
      );
    default:
      return problem(
        `What ${sender} sends to UDP port ${port} of ${receiver} doesn't arrive: overlay networks ` +
          `don't work between them`,
        `Allow on ${receiver} ${allow(way)}`,
      );
  }
}

/** The finding about packets that are too large for the path. */
function tooLarge(way: Direction): Finding {
  const { sender, receiver, sizes, heard, refused } = way;
  const full = sizes.at(-1)!;
  const fits = Math.max(...heard);
  const stopped = refused[full] === EMSGSIZE ? `; ${sender}'s own route stops it` : "";
  return problem(
    `Packets of ${full} bytes from ${sender} don't reach ${receiver}, those of ${fits} do: large ` +
      `transfers over overlay networks stall${stopped}`,
    `Raise the MTU of everything between to ${full}, or set that of the underlay's interface on ` +
      `${sender} to ${fits} (ip link set dev … mtu ${fits}): overlay networks follow; or create ` +
      `networks with -o mtu=${fits - (way.from.includes(":") ? 70 : 50)}`,
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function judge(way: Direction): Finding[] {
  if (way.heard.length === 0) return [closed(way)];
  return way.heard.includes(way.sizes.at(-1)!) ? [] : [tooLarge(way)];
}

function direction(
  [sender, receiver]: [string, string],
  [out, into]: [ProbeEnd, ProbeEnd],
  [sent, got]: [Heard, Heard],
): Direction {
  return {
    ...{ sender, receiver },
    from: out.address!,
    port: into.port,
    sizes: out.sizes,
    heard: got.heard,
    refused: sent.refused,
  };
}

/** The findings about the path to a peer; a single `ok` when all is well. */
export function judgeWay({ name, address }: PeerName, result: ProbeResult): Finding[] {
  const { own, ready, here, there, ping } = result;
  const peer = `host "${name}"`;
  if (!ready) {
    const reached = ping ? `${address} answers a ping` : `${address} does not answer a ping either`;
    return [problem(
      `Host "${name}" holds its lease, but its daemon doesn't answer through the store; ${reached}`,
      `Look whether the daemon of ${peer} runs and reaches the store: netsvc doctor there; if it is ` +
        `of an older version, update it`,
    )];
  }
  if (ready.failure !== undefined) {
    return [problem(
      `The UDP port of ${peer} can't be examined: ${ready.failure}`,
      `Fix that on ${peer}; netsvc doctor there tells more`,
    )];
  }
  const theirs = ready.end;
  if (theirs.address === undefined) {
    return [problem(
      `Host "${name}" has no address that other hosts reach`,
      `Give its daemon one with --advertise`,
    )];
  }
  if (theirs.address.includes(":") !== own.address!.includes(":")) {
    return [problem(
      `Host "${name}" is at ${theirs.address} and this one at ${own.address}: tunnels need one family`,
      `Give all daemons --advertise addresses of one family`,
    )];
  }
  if (!here || !there) {
    return [problem(
      `Host "${name}" began to examine the way and didn't tell what it found`,
      `Run netsvc doctor there, and look into its daemon's log`,
    )];
  }
  const out = direction(["this host", peer], [own, theirs], [here, there]);
  const back = direction([peer, "this host"], [theirs, own], [there, here]);
  const silent = out.heard.length === 0 && back.heard.length === 0;
  const stopped = [EPERM, ENETUNREACH, EHOSTUNREACH].some((code) =>
    Object.values(here.refused).includes(code)
  );
  if (silent && !ping && !stopped) {
    return [problem(
      `Host "${name}" can't be reached at ${theirs.address}: neither a ping nor UDP port ` +
        `${theirs.port} is answered, though its daemon is alive`,
      `Look at cables, routes (ip route get ${theirs.address}) and firewalls between the hosts; if ` +
        `that address is the wrong one, give its daemon --advertise`,
    )];
  }
  const found = [...judge(out), ...judge(back)];
  if (found.length > 0) return found;
  return [ok(
    `Host "${name}" (${theirs.address}): UDP port ${theirs.port} is open both ways, packets of ` +
      `${own.sizes.at(-1)} bytes get there and of ${theirs.sizes.at(-1)} get here`,
  )];
}

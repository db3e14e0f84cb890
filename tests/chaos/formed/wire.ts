/**
 * What passes the switch between the hosts of an encrypted cluster, and shouldn't.
 *
 * @module
 */
import { type Capture, capture } from "../../harness/capture.ts";
import type { FormedCluster } from "../../harness/formed.ts";
import { INJECTED_FROM } from "../../harness/injected.ts";

/** Source port of the packet by which the capture is known to be alive. */
const CANARY_FROM = 6667;
/** The discard port. */
const CANARY_TO = 9;

/** A filter of tcpdump's for all that isn't one of these, on an IPv4 underlay. Pure. */
function allBut(vni: number): string {
  const allowed = [
    "arp",
    "icmp6",
    "igmp",
    "(ip6 and dst net ff02::/16)",
    // Joins and etcd, which speak TLS alone.
    "(tcp and (port 2478 or port 2479 or port 2480))",
    // WireGuard's four kinds of messages, and three zero bytes.
    "(udp port 51820 and udp[8] >= 1 and udp[8] <= 4 and udp[9] = 0 and udp[10:2] = 0)",
    // VXLAN of the one network that isn't encrypted, by its identifier.
    `(udp dst port 4789 and udp[12:4] = ${vni * 256})`,
    // A host that has just come up has no device for what the others still send.
    "(icmp and icmp[0] = 3)",
    `(udp src port ${INJECTED_FROM})`,
  ];
  return `not (${allowed.join(" or ")})`;
}

/** A capture of all that is in the clear. */
export class Wire {
  readonly #capture: Capture;
  readonly #cluster: FormedCluster;

  private constructor(found: Capture, cluster: FormedCluster) {
    this.#capture = found;
    this.#cluster = cluster;
  }

  /** Begins it. @param vni of the network that isn't encrypted */
  static async listen(cluster: FormedCluster, vni: number): Promise<Wire> {
    const filter = allBut(vni);
    return new Wire(await capture(cluster.hub.path, { link: "sw", filter }), cluster);
  }

  /** What has passed in the clear so far. */
  get clear(): string[] {
    return this.#capture.seen().filter((line) => !isCanary(line));
  }

  /** Whether it sees what passes now: a packet between two hosts. */
  async alive(from: number, to: number): Promise<boolean> {
    const before = this.#canaries();
    const script = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", ${CANARY_FROM}))
s.sendto(b"canary", ("${this.#cluster.address(to)}", ${CANARY_TO}))`;
    await this.#cluster.hosts[from]!.namespace.run(["python3", "-c", script]);
    for (let i = 0; i < 100; i++) {
      if (this.#canaries() > before) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  #canaries(): number {
    return this.#capture.seen().filter(isCanary).length;
  }

  async stop(): Promise<void> {
    await this.#capture.stop();
  }
}

function isCanary(line: string): boolean {
  return line.includes(`.${CANARY_FROM} > `) && line.includes(`.${CANARY_TO}: `);
}

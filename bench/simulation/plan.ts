/**
 * Who is where in a simulated cluster. Pure: the same numbers give the same cluster.
 *
 * @module
 */
import { cidrOf } from "./addresses.ts";

/** Size of a cluster. */
export interface Size {
  daemons: number;
  networks: number;
  /** All are attached. */
  services: number;
  /** Each daemon backs services of so many networks. */
  networksPerDaemon: number;
}

/** A service with the daemon that backs it. */
export interface PlannedService {
  name: string;
  /** Index of its network. */
  network: number;
  /** CIDR. */
  address: string;
  daemon: number;
  /** Index among the daemon's containers: each is on all of its networks. */
  container: number;
}

/** A cluster. */
export interface Plan extends Size {
  services: number;
  /** By daemon: the indices of its networks. */
  networksOf: number[][];
  /** By network: the indices of its daemons. */
  membersOf: number[][];
  /** By network. */
  servicesOf: PlannedService[][];
  /** By daemon. */
  containersOf: number[];
}

/** Spreads networks over daemons and services over the members of their networks, evenly. */
export function planCluster(size: Size): Plan {
  const { daemons, networks, services, networksPerDaemon } = size;
  const networksOf = Array.from({ length: daemons }, (_, daemon) =>
    Array.from(
      { length: networksPerDaemon },
      (_, i) => (Math.floor(daemon * networks / daemons) + i) % networks,
    ));
  const membersOf = Array.from(
    { length: networks },
    (_, network) => networksOf.flatMap((own, daemon) => own.includes(network) ? [daemon] : []),
  );
  const containersOf = new Array<number>(daemons).fill(0);
  const servicesOf = membersOf.map((members, network) => {
    const count = Math.floor((network + 1) * services / networks) -
      Math.floor(network * services / networks);
    return Array.from({ length: members.length === 0 ? 0 : count }, (_, i): PlannedService => {
      const daemon = members[i % members.length]!;
      const container = Math.floor(i / members.length);
      containersOf[daemon] = Math.max(containersOf[daemon]!, container + 1);
      return { name: `s${i}`, network, address: cidrOf(network, i), daemon, container };
    });
  });
  return { ...size, networksOf, membersOf, servicesOf, containersOf };
}

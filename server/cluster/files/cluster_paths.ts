/**
 * Where a host keeps what makes it a member of a cluster. Pure.
 *
 * @module
 */

/** Paths below `STATE/cluster`, a directory of mode 0700. */
export interface ClusterPaths {
  directory: string;
  /** What `ClusterFile` reads and writes; a host is in a cluster if and only if it is there. */
  file: string;
  /** Certificates of the cluster's authority: one, or two while it is being replaced. */
  ca: string;
  /** Of this host: CN is the host's id; it never leaves the host. */
  hostCertificate: string;
  hostKey: string;
  /** Of a voter: CN is `voter-` and the host's id; to administer etcd. */
  voterCertificate: string;
  voterKey: string;
  /** The authority's private key; on voters only. */
  caKey: string;
  /**
   * Of the voters' etcds among each other, and their key: the authority, which has nothing to do with that of hosts, and
   * this voter's certificate; on voters only.
   */
  peerCa: string;
  peerCaKey: string;
  peerCertificate: string;
  peerKey: string;
  /** Keys of the authorities that are to take the place of these two; on voters, and only while they do. */
  nextCaKey: string;
  nextPeerCaKey: string;
  /** Revoked certificates, DER, which etcd reads at each handshake; on voters only. */
  crl: string;
  /** etcd's data; on voters only. */
  etcd: string;
  /** A copy of the program that runs on it. */
  etcdProgram: string;
  snapshots: string;
  /** Addresses of the cluster's hosts as they were known last. */
  knownHosts: string;
}

/** @param stateDir of the daemon's settings */
export function clusterPaths(stateDir: string): ClusterPaths {
  const directory = `${stateDir}/cluster`;
  return {
    directory,
    file: `${directory}/cluster.json`,
    ca: `${directory}/ca.crt`,
    hostCertificate: `${directory}/host.crt`,
    hostKey: `${directory}/host.key`,
    voterCertificate: `${directory}/voter.crt`,
    voterKey: `${directory}/voter.key`,
    caKey: `${directory}/ca.key`,
    peerCa: `${directory}/peer-ca.crt`,
    peerCaKey: `${directory}/peer-ca.key`,
    peerCertificate: `${directory}/peer.crt`,
    peerKey: `${directory}/peer.key`,
    nextCaKey: `${directory}/next-ca.key`,
    nextPeerCaKey: `${directory}/next-peer-ca.key`,
    crl: `${directory}/crl.der`,
    etcd: `${directory}/etcd`,
    etcdProgram: `${directory}/etcd-program`,
    knownHosts: `${directory}/hosts.json`,
    snapshots: `${directory}/snapshots`,
  };
}

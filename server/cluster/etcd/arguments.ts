/**
 * The command line of the cluster's etcd. Pure. Sources: `etcd --help` of 3.4, 3.5, 3.6 and 3.7.
 *
 * @module
 */
import type { Endpoint } from "../../../kv/url/url_parts.ts";
import { isAtLeast, type Version } from "./version.ts";

/** A name that is in the certificates of voters, and in no other: who speaks as a member has it. */
export const VOTER_NAME = "voter.netsvc";
/** The largest database, in bytes: etcd's own default, said so that it doesn't change under us. */
const QUOTA = 2 * 1024 * 1024 * 1024;
/** How long old revisions are kept: whoever was away for longer reads all anew. */
const HISTORY = "10m";
/**
 * Log entries after which a snapshot replaces them. Fewer than etcd's own 10000: a cluster where little is written has
 * snapshots, too, and its next version has to replay less.
 */
export const SNAPSHOT_COUNT = 1_000;
/**
 * Operations that a transaction may have: a restore is one, so that nobody sees half of it. etcd's own bound, 128, is for
 * hand-written ones; what keeps them small is that of a request's bytes, which stays (1.5 MiB).
 */
export const MOST_OPERATIONS = 10_000;

/** What a member is started with. */
export interface EtcdMember {
  /** The host's id. */
  name: string;
  /** Of its cluster; a member of another isn't spoken to. */
  cluster: string;
  /** Where the others find it. */
  client: Endpoint;
  peer: Endpoint;
  /** Where it listens, if not at its address: `0.0.0.0` behind an address that is translated. */
  listen?: string;
  /** All members by name with their peer URLs, itself among them: looked at by a first start alone. */
  members: Record<string, string>;
  /** Whether the others are there already. */
  existing: boolean;
  /** Makes it the only member of what it has: for a cluster whose majority is gone. */
  alone?: boolean;
}

/** Where its files are. */
export interface EtcdFiles {
  /** Of the database. */
  data: string;
  ca: string;
  /** Of the server, and its key. */
  cert: string;
  key: string;
  /** The authority of members, which signs for no host. */
  peerCa: string;
  /** By which members know each other, and its key. */
  peerCert: string;
  peerKey: string;
  /** Certificates that are no good any more. */
  crl: string;
}

/** URL of a member for the others; an IPv6 address is in brackets. */
export function memberUrl({ host, port }: Endpoint): string {
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The words after the program's name. */
export function etcdArguments(
  { member, files }: { member: EtcdMember; files: EtcdFiles },
  version: Version,
): string[] {
  const { name, client, peer, listen, members, existing, alone = false } = member;
  const at = ({ host, port }: Endpoint) => memberUrl({ host: listen ?? host, port });
  return [
    `--name=${name}`,
    `--data-dir=${files.data}`,
    `--listen-client-urls=${at(client)}`,
    `--advertise-client-urls=${memberUrl(client)}`,
    `--listen-peer-urls=${at(peer)}`,
    `--initial-advertise-peer-urls=${memberUrl(peer)}`,
    `--initial-cluster=${Object.entries(members).map((one) => one.join("=")).join(",")}`,
    `--initial-cluster-state=${existing ? "existing" : "new"}`,
    `--initial-cluster-token=${member.cluster}`,
    ...alone ? ["--force-new-cluster"] : [],
    ...trust(files),
    ...byVersion(version),
    `--quota-backend-bytes=${QUOTA}`,
    "--auto-compaction-mode=periodic",
    `--auto-compaction-retention=${HISTORY}`,
    `--snapshot-count=${SNAPSHOT_COUNT}`,
    `--max-txn-ops=${MOST_OPERATIONS}`,
    "--logger=zap",
    "--log-outputs=stderr",
    "--log-level=warn",
  ];
}

/** Mutual TLS for clients and members; no certificate of another authority, or of a host that is out. */
function trust({ ca, cert, key, peerCa, peerCert, peerKey, crl }: EtcdFiles): string[] {
  return [
    "--client-cert-auth",
    `--trusted-ca-file=${ca}`,
    `--cert-file=${cert}`,
    `--key-file=${key}`,
    `--client-crl-file=${crl}`,
    "--peer-client-cert-auth",
    `--peer-trusted-ca-file=${peerCa}`,
    `--peer-cert-file=${peerCert}`,
    `--peer-key-file=${peerKey}`,
    `--peer-crl-file=${crl}`,
    `--peer-cert-allowed-hostname=${VOTER_NAME}`,
    // HTTP beside gRPC asks on behalf of others, and nobody here speaks it.
    "--enable-grpc-gateway=false",
  ];
}

/** What has another name from version to version. */
function byVersion(version: Version): string[] {
  const from36 = isAtLeast(version, [3, 6, 0]);
  return [
    // Who may speak as a member is said by the name above; a host may have more addresses than its certificate.
    from36
      ? "--peer-skip-client-san-verification=true"
      : "--experimental-peer-skip-client-san-verification=true",
    // A member whose data isn't what the others have doesn't begin to serve.
    from36
      ? "--feature-gates=InitialCorruptCheck=true"
      : "--experimental-initial-corrupt-check=true",
    ...isAtLeast(version, [3, 5, 0]) ? ["--tls-min-version=TLS1.2"] : [],
  ];
}

/**
 * What of a change of authorities a host, or a voter, has done: told by its files alone, so that nobody has to remember
 * anything, and whoever died half-way goes on. Pure.
 *
 * @module
 */
import { certificatesOf, fingerprint, isSignedBy } from "../../../../lib/x509/x509.ts";
import type { RolloverRecord } from "../../control/records.ts";
import { trustedIn } from "./plan.ts";

/** Whether a file of authorities has these and no others, in whatever order. */
export function trustsJust(file: string, wanted: readonly string[]): boolean {
  const prints = (all: readonly string[]) => all.map(fingerprint).sort().join();
  return prints(certificatesOf(file)) === prints(wanted);
}

/** A host's files. */
export interface HostFiles {
  ca: string;
  certificate: string;
}

/** Whether a host has done what the phase asks of it. */
export function hostHasDone(record: RolloverRecord, { ca, certificate }: HostFiles): boolean {
  const { phase, next } = record;
  if (!trustsJust(ca, trustedIn(phase, record).hosts)) return false;
  return phase === "keys" || phase === "trust" || isSignedBy(certificate, next.hosts);
}

/** What a voter has besides. */
export interface VoterFiles {
  /** Of hosts. */
  ca: string;
  peerCa: string;
  certificate: string;
  peerCertificate: string;
  /** Whether the keys of the new authorities are here, and whether they are those that sign. */
  hasKeys: boolean;
  signs: boolean;
  /** Whether its etcd runs with the authorities that the files have. */
  etcdFollows: boolean;
  /** The authorities that it takes hosts' certificates of where they join and ask. */
  joinCa: string | undefined;
}

/** Whether a voter has done what the phase asks of it. */
export function voterHasDone(record: RolloverRecord, files: VoterFiles): boolean {
  const { phase, next } = record;
  if (phase === "keys") return files.hasKeys;
  const trusted = trustedIn(phase, record);
  const follows = trustsJust(files.ca, trusted.hosts) &&
    trustsJust(files.peerCa, trusted.peers) && files.etcdFollows &&
    files.joinCa !== undefined && trustsJust(files.joinCa, trusted.hosts);
  if (phase === "trust") return follows && files.hasKeys;
  return follows && files.signs && isSignedBy(files.certificate, next.hosts) &&
    isSignedBy(files.peerCertificate, next.peers);
}

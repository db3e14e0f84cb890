/**
 * The authority of the voters' etcds among each other. It is none of the hosts': who speaks as a member of etcd may write
 * what it likes, in anybody's name, and so nothing that is signed for hosts, whatever it says, is taken there. Voters have
 * its key, and sign their own certificates with it.
 *
 * @module
 */
import {
  certificateOf,
  certify,
  certifyNew,
  createAuthority,
  createRequest,
  type KeyPair,
  requestedKey,
} from "../../../lib/x509/x509.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { writeWhole } from "../files/write_file.ts";
import { AUTHORITY_LASTS_MS, checked, HOST_LASTS_MS, VOTER_NAME, voterUser } from "./authority.ts";

/** A voter. */
interface Peer {
  id: string;
  address: string;
}

type PeerPaths = Pick<ClusterPaths, "peerCa" | "peerCaKey" | "peerCertificate" | "peerKey">;

/** Makes one, with the cluster. */
export async function createPeerAuthority(clusterId: string): Promise<KeyPair> {
  const name = `netsvc voters ${clusterId.slice(0, 12)}`;
  return await createAuthority(name, Date.now() + AUTHORITY_LASTS_MS);
}

/** A voter's authority of peers, and all those that its etcd trusts: two, while one takes the other's place. */
export interface PeerAuthority extends KeyPair {
  /** PEM. */
  trusted: string;
}

/** Reads a voter's. */
export async function readPeerAuthority(
  { peerCa, peerCaKey }: Pick<PeerPaths, "peerCa" | "peerCaKey">,
): Promise<PeerAuthority> {
  const [trusted, key] = await Promise.all(
    [peerCa, peerCaKey].map((path) => Deno.readTextFile(path)),
  ) as [string, string];
  return { certificate: await certificateOf(trusted, key) ?? trusted, key, trusted };
}

function subject(peer: Peer): { commonName: string; names: string[]; until: number } {
  const { id, address } = checked(peer);
  const names = [address, VOTER_NAME];
  return { commonName: voterUser(id), names, until: Date.now() + HOST_LASTS_MS };
}

/** Writes the authority, and a certificate of it for this voter, with its key. */
export async function writePeerFiles(
  paths: PeerPaths,
  { authority, ...peer }: Peer & { authority: KeyPair & { trusted?: string } },
): Promise<void> {
  const { certificate, key } = await certifyNew(authority, subject(peer));
  await writeWhole(paths.peerCaKey, authority.key);
  await writeWhole(paths.peerCa, authority.trusted ?? authority.certificate);
  await writeWhole(paths.peerKey, key);
  await writeWhole(paths.peerCertificate, certificate);
}

/** Signs this voter's key anew. @returns the certificate */
export async function certifyPeerAnew(paths: PeerPaths, peer: Peer): Promise<string> {
  const { request } = await createRequest(
    voterUser(peer.id),
    await Deno.readTextFile(paths.peerKey),
  );
  const publicKey = (await requestedKey(request))!;
  return await certify(await readPeerAuthority(paths), { ...subject(peer), publicKey });
}

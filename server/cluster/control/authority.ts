/**
 * The cluster's authority, on a voter: it signs hosts' certificates, and lists those that are good no more.
 *
 * @module
 */
import { ROOT } from "../../../kv/etcd/admin/users.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  certificateOf,
  certificatesOf,
  certify,
  certifyNew,
  createAuthority,
  fingerprint,
  type KeyPair,
  revocationList,
} from "../../../lib/x509/x509.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { writeWhole } from "../files/write_file.ts";
import { hostAddress } from "./host_text.ts";

const DAY_MS = 86_400_000;
/** Hosts' certificates last a year. */
export const HOST_LASTS_MS = 365 * DAY_MS;
const REPAIR_LASTS_MS = 10 * 60_000;
/** An authority lasts ten; `cluster ca rotate` makes another one sooner. */
export const AUTHORITY_LASTS_MS = 3650 * DAY_MS;
/** By this name voters know each other; no host's certificate has it. */
export const VOTER_NAME = "voter.netsvc";

/** User name of a voter's certificate. Those of hosts are their ids. */
export function voterUser(hostId: string): string {
  return `voter-${hostId}`;
}

/** A host to certify. */
export interface Certified {
  id: string;
  address: string;
  /** DER. */
  publicKey: Uint8Array;
}

/**
 * Where it is signed nothing is believed of what was checked before: a name in a host's certificate would make it a
 * voter's, and another common name another user of etcd's.
 */
export function checked<T extends { id: string; address: string }>(host: T): T {
  const { id, address } = host;
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw new NetsvcError("invalid", `Not the id of a host: ${JSON.stringify(id.slice(0, 80))}`);
  }
  if (hostAddress(address) === address) return host;
  throw new NetsvcError(
    "invalid",
    `No certificate is signed for ${JSON.stringify(address.slice(0, 80))}: it is not an address ` +
      "that others reach a host at",
  );
}

/** An authority with its key. */
export class Authority {
  readonly #pair: KeyPair;

  constructor(pair: KeyPair) {
    this.#pair = pair;
  }

  static async create(clusterId: string, now: number): Promise<Authority> {
    const name = `netsvc cluster ${clusterId.slice(0, 12)}`;
    return new Authority(await createAuthority(name, now + AUTHORITY_LASTS_MS));
  }

  /**
   * Reads a voter's: while one takes the place of another, the one that the key is of.
   *
   * @throws {NetsvcError} `not_found` on a host that has none
   */
  static async read({ ca, caKey }: Pick<ClusterPaths, "ca" | "caKey">): Promise<Authority> {
    try {
      const [all, key] = await Promise.all([Deno.readTextFile(ca), Deno.readTextFile(caKey)]);
      const certificate = await certificateOf(all, key) ?? `${certificatesOf(all)[0] ?? ""}\n`;
      return new Authority({ certificate, key });
    } catch (error) {
      throw new NetsvcError("not_found", `This host has no key of the cluster's authority`, {
        cause: error,
      });
    }
  }

  /** Its certificate, PEM. */
  get certificate(): string {
    return this.#pair.certificate;
  }

  get key(): string {
    return this.#pair.key;
  }

  get fingerprint(): string {
    return fingerprint(this.#pair.certificate);
  }

  /** Certifies a host's key for its id and its address, and nothing that it might ask for. */
  async certifyHost(host: Certified): Promise<string> {
    const { id, address, publicKey } = checked(host);
    const until = Date.now() + HOST_LASTS_MS;
    return await certify(this.#pair, { publicKey, commonName: id, names: [address], until });
  }

  /** Makes a voter's key and certificate. */
  async certifyVoter({ id, address }: Omit<Certified, "publicKey">): Promise<KeyPair> {
    checked({ id, address });
    return await certifyNew(this.#pair, {
      commonName: voterUser(id),
      names: [address, VOTER_NAME],
      until: Date.now() + HOST_LASTS_MS,
    });
  }

  /** Makes a certificate of etcd's administrator's, good for minutes: for the repair of a cluster whose users are gone. */
  async certifyRoot(): Promise<KeyPair> {
    const until = Date.now() + REPAIR_LASTS_MS;
    return await certifyNew(this.#pair, { commonName: ROOT, names: [], until });
  }

  /** Certifies a voter's key that was made on its host. */
  async certifyVoterKey({ id, address, publicKey }: Certified): Promise<string> {
    checked({ id, address });
    return await certify(this.#pair, {
      publicKey,
      commonName: voterUser(id),
      names: [address, VOTER_NAME],
      until: Date.now() + HOST_LASTS_MS,
    });
  }

  /** @param serials in hexadecimal */
  async revocationList(serials: readonly string[]): Promise<Uint8Array> {
    return await revocationList(this.#pair, serials);
  }
}

/** Writes what a voter has besides a host's files: certificate and key, the authority's key, an empty list of what is revoked. */
export async function writeVoterFiles(
  paths: ClusterPaths,
  { authority, id, address }: { authority: Authority; id: string; address: string },
): Promise<void> {
  const { certificate, key } = await authority.certifyVoter({ id, address });
  await writeWhole(paths.caKey, authority.key);
  await writeWhole(paths.voterKey, key);
  await writeWhole(paths.voterCertificate, certificate);
  await writeWhole(paths.crl, await authority.revocationList([]));
}

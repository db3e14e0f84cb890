/**
 * A voter's own certificates, which it signs itself: it has the authority's key. So they are good again though no other
 * host can be asked, as after a year in which the cluster was off.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../../kv/store.ts";
import { errorChain, isAway } from "../../../../lib/api/errors.ts";
import {
  createRequest,
  isGoodFor,
  isSignedBy,
  readCertificate,
  requestedKey,
} from "../../../../lib/x509/x509.ts";
import { Authority, voterUser } from "../../control/authority.ts";
import { certifyPeerAnew, readPeerAuthority } from "../../control/peer_authority.ts";
import { type HostRecord, memberHosts } from "../../control/records.ts";
import { unexpired } from "../../control/serials.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { writeWhole } from "../../files/write_file.ts";
import { whyRenew } from "../renewal.ts";

const log = getLogger(["netsvc", "cluster"]);
/** How often they are looked at, in milliseconds. */
const LOOK_MS = 60_000;

type Certificate = ReturnType<typeof readCertificate>;

/** Whose certificates. */
export interface Self {
  id: string;
  address: string;
}

/**
 * Signs this voter's second certificate anew when that is due, and its host's when the others can't be asked for it: when
 * its time is over, or it is for an address that its etcd isn't at any more. Their keys stay.
 *
 * @returns why, for each that was signed
 */
export async function certifySelf(paths: ClusterPaths, { id, address }: Self): Promise<string[]> {
  const authority = await Authority.read(paths);
  const now = Date.now();
  const done: string[] = [];
  const own = [
    { name: voterUser(id), file: paths.voterCertificate, key: paths.voterKey },
    { name: id, file: paths.hostCertificate, key: paths.hostKey },
  ] as const;
  for (const { name, file, key } of own) {
    const before = await Deno.readTextFile(file);
    const { from, until } = readCertificate(before);
    const inTime = from <= now && now < until;
    if (name === id && inTime && isGoodFor(before, address)) continue;
    const why = whyRenew({
      from,
      until,
      fits: isGoodFor(before, address),
      signed: isSignedBy(before, authority.certificate),
    }, { now, address });
    if (why === undefined) continue;
    const { request } = await createRequest(name, await Deno.readTextFile(key));
    const subject = { id, address, publicKey: (await requestedKey(request))! };
    const after = name === id
      ? await authority.certifyHost(subject)
      : await authority.certifyVoterKey(subject);
    // The authority's two files may be of two authorities for a moment, and its own time may be over.
    if (!isSignedBy(after, authority.certificate)) continue;
    await writeWhole(file, after);
    done.push(why);
  }
  const why = await certifyPeer(paths, { id, address });
  return why === undefined ? done : [...done, why];
}

/** Signs anew what this voter's etcd shows the others' when that is due. @returns why */
async function certifyPeer(
  paths: ClusterPaths,
  { id, address }: Self,
): Promise<string | undefined> {
  const before = await Deno.readTextFile(paths.peerCertificate);
  const why = whyRenew({
    ...readCertificate(before),
    fits: isGoodFor(before, address),
    signed: isSignedBy(before, (await readPeerAuthority(paths)).certificate),
  }, { now: Date.now(), address });
  if (why === undefined) return undefined;
  await writeWhole(paths.peerCertificate, await certifyPeerAnew(paths, { id, address }));
  return why;
}

/** What {@linkcode OwnCertificates} works with. */
export interface OwnCertificatesParts {
  paths: ClusterPaths;
  id: string;
  address: () => string;
  /** The public part of the store, opened as a voter. */
  store: Pick<Store, "get" | "list" | "commit">;
  /** Called when what a voter shows, or trusts, is another. */
  onChange: () => Promise<void>;
}

/** Keeps them good. */
export class OwnCertificates implements AsyncDisposable {
  readonly #parts: OwnCertificatesParts;
  #timer: number | undefined;
  #looking: Promise<void> | undefined;
  #used: string | undefined;

  constructor(parts: OwnCertificatesParts) {
    this.#parts = parts;
  }

  begin(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  /** Looks whether something is due, and does it. Never fails. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().catch((error) => {
      if (isAway(error)) return;
      log.warn("Cannot renew this voter's certificate: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }).finally(() => this.#looking = undefined);
  }

  async #look(): Promise<void> {
    const { paths, id, address, onChange } = this.#parts;
    for (const why of await certifySelf(paths, { id, address: address() })) {
      log.info("This voter's certificate was renewed: {why}", { why });
    }
    const used = await this.#read();
    const changed = this.#used !== undefined && used !== this.#used;
    this.#used = used;
    if (changed) await onChange();
    await this.#note();
  }

  async #read(): Promise<string> {
    const { paths: { ca, voterCertificate } } = this.#parts;
    return (await Promise.all([ca, voterCertificate].map((file) => Deno.readTextFile(file))))
      .join();
  }

  /** Has the cluster know them, so that they can be revoked, and the address that they are for. */
  async #note(): Promise<void> {
    const { paths, store, id } = this.#parts;
    const { record, check } = await memberHosts.get(store, id);
    if (!record) return;
    const address = await this.#ownAddress(record);
    const { hostCertificate, voterCertificate, peerCertificate } = paths;
    const [host, voter, peer] = (await Promise.all(
      [hostCertificate, voterCertificate, peerCertificate].map((file) => Deno.readTextFile(file)),
    )).map(readCertificate) as [Certificate, Certificate, Certificate];
    const known = new Set(record.issued.map(({ serial }) => serial));
    const missing = [peer, voter, host].filter(({ serial }) => !known.has(serial))
      .map(({ serial, until }) => ({ serial, until }));
    if (missing.length === 0 && record.until === host.until && record.address === address) return;
    // They are signed already: what counts is that they are known.
    const issued = [...unexpired(record.issued), ...missing];
    await store.commit({
      checks: [check],
      puts: [memberHosts.put({ ...record, address, issued, until: host.until }, id)],
    });
  }

  /** The address to be known by: its own, unless another host has it. */
  async #ownAddress(record: HostRecord): Promise<string> {
    const address = this.#parts.address();
    if (address === record.address) return address;
    const others = await memberHosts.list(this.#parts.store, "hosts/");
    const other = others.find((one) => one.id !== record.id && one.address === address);
    if (!other) return address;
    log.warn("This host has the address {address}, which is that of host {name}", {
      address,
      name: other.name,
    });
    return record.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}

/**
 * Keeps this host's certificate good: asks for another one when two thirds of its time are over, when the host has
 * another address, and when the authority is a new one. The key stays: a certificate takes the place of another in one
 * step, and a pair of files couldn't.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../kv/store.ts";
import { errorChain, isAway } from "../../../lib/api/errors.ts";
import {
  certificatesOf,
  createRequest,
  isGoodFor,
  isSignedBy,
  readCertificate,
} from "../../../lib/x509/x509.ts";
import {
  authorityRecords,
  certificates,
  followed,
  requests,
  rollovers,
} from "../control/records.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { writeWhole } from "../files/write_file.ts";
import { hostHasDone } from "./rollover/own_part.ts";
import { hasDone } from "./rollover/plan.ts";

const log = getLogger(["netsvc", "cluster"]);
/** How often it is looked at, in milliseconds. */
const LOOK_MS = 60_000;
/** And after a failure, as while etcd is restarted. */
const AGAIN_MS = 2_000;

/** What {@linkcode Renewal} needs. */
export interface RenewalParts {
  paths: ClusterPaths;
  /** The public part of the store. */
  store: Store;
  hostId: string;
  self: () => { name: string; address: string };
}

/** Why a certificate is to be renewed, in words; `undefined` while it is good. Pure. */
export function whyRenew(
  certificate: { from: number; until: number; fits: boolean; signed: boolean },
  { now, address }: { now: number; address: string },
): string | undefined {
  const { from, until, fits, signed } = certificate;
  if (now < from) return "its time hasn't begun: a clock was wrong when it was made";
  if (now >= from + (until - from) * 2 / 3) return "two thirds of its time are over";
  if (!signed) return "it is of the authority of before";
  return fits ? undefined : `this host has the address ${address} now`;
}

/** Renews. */
export class Renewal implements Disposable {
  readonly #parts: RenewalParts;
  readonly #stop = new AbortController();
  #timer: number | undefined;
  #again: number | undefined;
  #looking: Promise<void> | undefined;
  /** Whether something has changed since the look that runs began. */
  #due = false;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  begin(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
    this.#lookAt(certificates.key(this.#parts.hostId));
    this.#lookAt(rollovers.key());
  }

  /** Looks whenever this changes in the store. */
  #lookAt(prefix: string): void {
    (async () => {
      const { signal } = this.#stop;
      for await (const _ of this.#parts.store.watch(prefix, { signal })) await this.look();
    })().catch((error) => {
      if (!this.#stop.signal.aborted) log.debug("{cause}", { cause: errorChain(error).join(": ") });
    });
  }

  /** Looks whether something is due, and does it. Never fails. */
  look(): Promise<void> {
    this.#due = true;
    return this.#looking ??= this.#lookOn().finally(() => this.#looking = undefined);
  }

  async #lookOn(): Promise<void> {
    while (this.#due && !this.#stop.signal.aborted) {
      this.#due = false;
      try {
        await this.#renew();
        await this.#follow();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        clearTimeout(this.#again);
        this.#again = setTimeout(() => void this.look(), AGAIN_MS);
        if (isAway(error)) return;
        log.warn("Cannot renew this host's certificate: {cause}", {
          cause: errorChain(error).join(": "),
        });
      }
    }
  }

  /** Says how far this host has come with a change of authorities. */
  async #follow(): Promise<void> {
    const { paths, store, hostId } = this.#parts;
    const { record } = await rollovers.get(store);
    if (!record) return;
    const [ca, certificate] = await Promise.all(
      [paths.ca, paths.hostCertificate].map((file) => Deno.readTextFile(file)),
    ) as [string, string];
    if (!hostHasDone(record, { ca, certificate })) return;
    const { id: rollover, phase } = record;
    const { record: told } = await followed.get(store, hostId);
    if (!hasDone(record, told)) {
      await store.commit({ puts: [followed.put({ rollover, phase }, hostId)] });
    }
  }

  async #renew(): Promise<void> {
    const { paths, store, hostId, self } = this.#parts;
    const own = await Deno.readTextFile(paths.hostCertificate);
    const { record: authority } = await authorityRecords.get(store);
    await this.#takeAuthorities(authority?.certificates ?? []);
    const signing = authority?.certificates[0] ?? await Deno.readTextFile(paths.ca);
    const { address, name } = self();
    const why = whyRenew({
      ...readCertificate(own),
      fits: isGoodFor(own, address),
      signed: isSignedBy(own, signing),
    }, { now: Date.now(), address });
    if (why === undefined) return;
    const key = await Deno.readTextFile(paths.hostKey);
    const { record: asked } = await requests.get(store, hostId);
    const { record: given } = await certificates.get(store, hostId);
    if (
      given && asked && given.request === asked.request &&
      await this.#take(given.certificate, signing)
    ) {
      return log.info("This host's certificate was renewed: {why}", { why });
    }
    // A new request where there is none, and where the last one had its answer.
    if (asked && given?.request !== asked.request && asked.address === address) return;
    const { request } = await createRequest(hostId, key);
    await store.commit({ puts: [requests.put({ request, name, address }, hostId)] });
  }

  /** Trusts what the cluster trusts. */
  async #takeAuthorities(all: readonly string[]): Promise<void> {
    if (all.length === 0) return;
    const { paths } = this.#parts;
    const text = all.map((pem) => pem.trim() + "\n").join("");
    if (text === await Deno.readTextFile(paths.ca)) return;
    if (certificatesOf(text).length !== all.length) return;
    await writeWhole(paths.ca, text);
    log.info("This host trusts {which} of the cluster now", {
      which: all.length === 1 ? "one authority" : `${all.length} authorities`,
    });
  }

  /** Takes a certificate up, if it is a better one. */
  async #take(certificate: string, signing: string): Promise<boolean> {
    const { paths, hostId, self } = this.#parts;
    const own = readCertificate(await Deno.readTextFile(paths.hostCertificate));
    const next = readCertificate(certificate);
    const fits = next.commonName === hostId && next.key === own.key && next.serial !== own.serial &&
      isGoodFor(certificate, self().address) && isSignedBy(certificate, signing);
    if (fits) await writeWhole(paths.hostCertificate, certificate);
    return fits;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    this.#stop.abort();
  }
}

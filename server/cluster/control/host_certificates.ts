/**
 * Whether a certificate that somebody shows is that of a host of the cluster. That the authority has signed it doesn't
 * suffice: who has stolen the authority's key signs what he likes, but has no host's own key. It is looked up in the store
 * each time, since a host that was removed is out at once.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../kv/store.ts";
import { errorChain, isAway, NetsvcError } from "../../../lib/api/errors.ts";
import { deadline } from "../../../lib/async/deadline.ts";
import { isSignedBy, pemOf, readCertificate } from "../../../lib/x509/x509.ts";
import { memberHosts, revoked } from "./records.ts";

const log = getLogger(["netsvc", "cluster"]);
/** The store may take so long to say whether a host is one, in milliseconds. */
const ASK_MS = 5_000;

/** What a certificate says. */
export interface ShownCertificate {
  /** Its common name. */
  host: string;
  /** In hexadecimal: lower case, without leading zeros. */
  serial: string;
  /** Fingerprint of its key. */
  key: string;
}

/** Reads it. @returns `undefined` for what is no certificate */
export function readShown(pem: string): ShownCertificate | undefined {
  try {
    const { commonName: host, serial, key } = readCertificate(pem);
    return { host, serial, key };
  } catch {
    return undefined;
  }
}

/** Whether it is a host's now: one that was taken in, with this key, and wasn't put out. */
export async function isMember(
  store: Pick<Store, "get">,
  { host, serial, key }: ShownCertificate,
): Promise<boolean> {
  // A name that isn't an id would lead to another record.
  if (!/^[0-9a-f]{64}$/.test(host)) return false;
  const [{ record }, { check: out }] = await Promise.all([
    memberHosts.get(store, host),
    revoked.get(store, serial),
  ]);
  return record !== undefined && record.key === key && out.revision === null;
}

/** What {@linkcode HostCertificates} works with. */
export interface HostCertificatesParts {
  /** The public part of the cluster's store. */
  store: Pick<Store, "get" | "watch">;
  /** Path of the authorities' certificates. */
  ca: string;
}

/** Knows hosts by their certificates. */
export class HostCertificates {
  readonly #parts: HostCertificatesParts;

  constructor(parts: HostCertificatesParts) {
    this.#parts = parts;
  }

  /** The authorities that hosts' certificates are of, PEM. */
  async authorities(): Promise<string> {
    return await Deno.readTextFile(this.#parts.ca);
  }

  /**
   * @param der a certificate whose key the other end has shown to have
   * @returns the host's id; `undefined` for who is none, or none any more
   * @throws {NetsvcError} `unavailable` where the store can't be asked: then nobody knows
   */
  async hostOf(der: Uint8Array): Promise<string | undefined> {
    const pem = pemOf(der);
    const shown = readShown(pem);
    if (!shown || !isSignedBy(pem, await this.authorities())) return undefined;
    try {
      const member = await deadline(isMember(this.#parts.store, shown), ASK_MS);
      return member ? shown.host : undefined;
    } catch (error) {
      throw new NetsvcError(
        "unavailable",
        "The cluster's store doesn't answer, so it isn't known whether this host is one of the cluster; a token does without it",
        { cause: error },
      );
    }
  }

  /** Calls `act` whenever a host came or went, until `signal`. */
  async follow(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    try {
      for await (const _ of this.#parts.store.watch("hosts/", { signal })) await act();
    } catch (error) {
      if (signal.aborted || isAway(error)) return;
      log.error("Hosts of the cluster aren't followed: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }
}

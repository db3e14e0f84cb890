/**
 * Takes hosts in: on a voter, which has the authority's key. One transaction spends the token and writes the host down,
 * so a token is never spent for nobody, nor a host taken in for nothing. A host that has lost the answer asks again with
 * the same key, and gets another certificate for the same use of its token.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import { keyFingerprint, readCertificate, requestedKey } from "../../../lib/x509/x509.ts";
import { letHostIn, type Users } from "../control/access.ts";
import type { Authority } from "../control/authority.ts";
import { type HostRecord, memberHosts } from "../control/records.ts";
import { issue } from "../control/serials.ts";
import { isSameName } from "../control/host_text.ts";
import { type Reads, scoped, ScopedStore } from "../control/scoped_store.ts";
import { hashSecret } from "../control/token.ts";
import { Tokens } from "../control/tokens.ts";
import type { JoinAnswer, JoinRequest } from "./protocol.ts";

/** Attempts of a transaction that others come before: ten hosts join at once with one token. */
const ATTEMPTS = 20;
/** Hosts that are taken in at one time; more are told to come again. */
const AT_ONCE = 16;

/** What {@linkcode AdmissionDesk} needs. */
export interface DeskParts {
  /** The whole of `netsvc-cluster`. */
  store: Reads;
  users: Users;
  authority: () => Promise<Authority>;
  cluster: string;
  /** Certificates that hosts trust, PEM. */
  authorities: () => Promise<string>;
  endpoints: () => JoinAnswer["endpoints"];
}

/** Takes hosts in. */
export class AdmissionDesk {
  readonly #parts: DeskParts;
  readonly #public: ScopedStore;
  readonly #tokens: Tokens;
  #busy = 0;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#public = new ScopedStore(parts.store, "public/");
    this.#tokens = new Tokens(new ScopedStore(parts.store, "secret/"));
  }

  /** @throws {NetsvcError} `unauthorized` about the token, `invalid`, `exists`, `unavailable` */
  async admit(request: JoinRequest): Promise<JoinAnswer> {
    if (this.#busy >= AT_ONCE) {
      throw new NetsvcError("unavailable", "Many hosts are joining; try again in a moment");
    }
    this.#busy++;
    try {
      return await this.#admit(request);
    } finally {
      this.#busy--;
    }
  }

  async #admit(request: JoinRequest): Promise<JoinAnswer> {
    const publicKey = await requestedKey(request.request);
    if (!publicKey) {
      throw new NetsvcError(
        "invalid",
        "The request for a certificate isn't one of an ECDSA key with P-256",
      );
    }
    const { host: { id, name, address } } = request;
    const authority = await this.#parts.authority();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { record: known, check } = await memberHosts.get(this.#public, id);
      const key = keyFingerprint(publicKey);
      const again = known?.key === key && known.token === request.token.id;
      // Also where nothing is to be spent: who asks has the token, and its secret.
      const spent = again
        ? await this.#sameToken(request)
        : await this.#tokens.spend(request.token);
      const all = await memberHosts.list(this.#public, "hosts/");
      if (!again) this.#refuseTaken(request.host, all);
      const certificate = await authority.certifyHost({ id, address, publicKey });
      const { serial, until } = readCertificate(certificate);
      const record: Omit<HostRecord, "v"> = {
        id,
        name,
        address,
        issued: issue(again ? known.issued : [], { serial, until }),
        key,
        until,
        joined: known?.joined ?? Date.now(),
        token: request.token.id,
      };
      const taken = scoped("public/", { checks: [check], puts: [memberHosts.put(record, id)] });
      const paid = scoped("secret/", spent ? { checks: [spent.check], puts: [spent.put] } : {});
      const outcome = await this.#parts.store.commit({
        checks: [...taken.checks, ...paid.checks],
        puts: [...taken.puts, ...paid.puts],
      });
      if (!outcome.ok) continue;
      // After the transaction: a voter that dies in between leaves a host that asks again, and is let in then.
      await letHostIn(this.#parts.users, id);
      return await this.#answer(certificate, again ? all.length : all.length + 1);
    }
    throw new NetsvcError(
      "conflict",
      "Many hosts are joining with one token; try again in a moment",
    );
  }

  async #answer(certificate: string, hosts: number): Promise<JoinAnswer> {
    const endpoints = this.#parts.endpoints();
    const { cluster } = this.#parts;
    const authorities = await this.#parts.authorities();
    return { certificate, authorities, cluster, endpoints, hosts, voters: endpoints.length };
  }

  /** A host asks again: with the token that it came with, which may have ended since. */
  async #sameToken({ token: { id, secret } }: JoinRequest): Promise<undefined> {
    const entry = await this.#parts.store.get(`secret/tokens/${id}`);
    const hash = entry && (JSON.parse(entry.value) as { hash: string }).hash;
    if (hash === hashSecret(secret)) return undefined;
    await this.#tokens.spend({ id, secret }); // Says why not.
    return undefined;
  }

  #refuseTaken({ id, name, address }: JoinRequest["host"], all: HostRecord[]): void {
    for (const other of all) {
      const what = other.id === id
        ? `id ${shortId(id)}`
        : isSameName(other.name, name)
        ? `name "${name}"`
        : other.address === address
        ? `address ${address}`
        : undefined;
      if (what === undefined) continue;
      const remedy = other.id === id
        ? `"netsvc host rm ${other.name}" on a member forgets it`
        : `join with ${
          what.startsWith("name") ? "--name" : "--advertise"
        } and another one, or forget ` +
          `that host with "netsvc host rm ${other.name}"`;
      throw new NetsvcError(
        "exists",
        `A host of the cluster has the ${what} already${
          what.startsWith("name") ? "" : ` (${other.name})`
        }; ${remedy}`,
      );
    }
  }
}

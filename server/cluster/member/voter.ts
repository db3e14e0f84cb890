/**
 * What this host does for its cluster as a voter: it takes hosts in, makes their tokens, signs their certificates anew,
 * and puts hosts out.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { clientEndpoint, type EtcdMembers } from "../../../kv/etcd/admin/members.ts";
import type { Store } from "../../../kv/store.ts";
import { Mutex } from "../../../lib/async/mutex.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import {
  fingerprint,
  keyFingerprint,
  readCertificate,
  requestedKey,
} from "../../../lib/x509/x509.ts";
import { letVoterIn, type Users } from "../control/access.ts";
import { Authority, voterUser } from "../control/authority.ts";
import {
  authorityRecords,
  certificates,
  memberHosts,
  requests,
  revoked,
  type TokenRecord,
} from "../control/records.ts";
import { readPeerAuthority } from "../control/peer_authority.ts";
import { isMember, type ShownCertificate } from "../control/host_certificates.ts";
import { issue } from "../control/serials.ts";
import { pruneRevoked } from "../control/pruning.ts";
import { isSameName } from "../control/host_text.ts";
import { type Expelled, Expulsion, tellExpelled } from "../control/expulsion.ts";
import { ScopedStore } from "../control/scoped_store.ts";
import { Tokens } from "../control/tokens.ts";
import { memberUrl } from "../etcd/arguments.ts";
import { ETCD_PEER_PORT } from "../files/ports.ts";
import { MEMBERS_KEY, parseMembers } from "../etcd/voters/member_record.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { writeWhole } from "../files/write_file.ts";
import type {
  ChangedAuthority,
  Duties,
  GrantedVote,
  ListedToken,
  NewToken,
  NewTokenTerms,
  Vote,
} from "./duties.ts";
import { capTerms, newToken } from "./new_token.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Time that a voter may take to say what it is, in milliseconds. */
const STATUS_MS = 1_000;
/** How often is looked for what can be forgotten, in milliseconds. */
const PRUNE_MS = 3_600_000;

/** What {@linkcode Voter} is made of. */
export interface VoterParts {
  /** The whole of `netsvc-cluster`, opened as a voter. */
  store: Store;
  /** Id of this host. */
  self: string;
  users: Users;
  members: Pick<EtcdMembers, "list" | "remove" | "status">;
  paths: ClusterPaths;
  /** Endpoints of etcd as they are known now. */
  endpoints: () => { host: string; port: number }[];
  /** Ends all connections to this host's etcd; those that may come again do. */
  cutClients: () => Promise<void>;
  /** Puts other authorities in the place of the cluster's. */
  changeAuthority: Duties["changeAuthority"];
}

/** A voter at work. */
export class Voter implements Duties {
  readonly #parts: VoterParts;
  readonly #public: ScopedStore;
  readonly #tokens: Tokens;
  readonly #expulsion: Expulsion;
  readonly #turn = new Mutex();
  readonly #stop = new AbortController();
  /** What is in the list that etcd reads. */
  #serials: ReadonlySet<string> | undefined;
  #timer: number | undefined;

  constructor(parts: VoterParts) {
    this.#parts = parts;
    this.#public = new ScopedStore(parts.store, "public/");
    this.#tokens = new Tokens(new ScopedStore(parts.store, "secret/"));
    this.#expulsion = new Expulsion(parts);
  }

  /** Follows what hosts ask for and who is out, until it is closed. */
  begin(): void {
    this.#follow("public/revoked/", () => this.#revoke());
    this.#follow("public/self/", () => this.certifyAll());
    this.#timer = setInterval(() => void pruneRevoked(this.#public), PRUNE_MS);
    void pruneRevoked(this.#public);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  #follow(prefix: string, act: () => Promise<void>): void {
    (async () => {
      const { signal } = this.#stop;
      for await (const _ of this.#parts.store.watch(prefix, { signal })) {
        await act().catch((error) =>
          log.warn("A voter's work waits: {cause}", { cause: errorChain(error).join(": ") })
        );
      }
    })().catch((error) => {
      if (!this.#stop.signal.aborted) {
        log.error("A voter has stopped to follow {prefix}: {cause}", {
          prefix,
          cause: errorChain(error).join(": "),
        });
      }
    });
  }

  async votes(): Promise<Vote[]> {
    const { members } = this.#parts;
    const all = await members.list();
    // One that has never started has no name yet.
    const hosts = all.some(({ name }) => name === "")
      ? await memberHosts.list(this.#public, "hosts/")
      : [];
    const named = all.map(({ name, peerUrls, ...member }) => ({
      ...member,
      name: name !== ""
        ? name
        : hosts.find(({ address }) =>
          peerUrls.includes(memberUrl({ host: address, port: ETCD_PEER_PORT }))
        )?.id ?? "",
    }));
    return await Promise.all(named.map(async ({ id, name, clientUrls, learner }): Promise<Vote> => {
      const at = clientEndpoint({ clientUrls });
      const status = at && await members.status(at, STATUS_MS).catch(() => undefined);
      // One that is to vote has none until it has caught up, whether it answers yet or not.
      if (!status) return { host: name, part: learner ? "learner" : "unreachable" };
      return {
        host: name,
        part: learner ? "learner" : status.leader === id ? "leader" : "follower",
      };
    }));
  }

  async createToken(terms: NewTokenTerms, by?: string): Promise<NewToken> {
    const { store, paths, endpoints, self, members } = this.#parts;
    const voters = by === undefined ? [] : await members.list();
    const votes = voters.some(({ name, learner }) => name === by && !learner);
    if (by !== undefined && !votes) capTerms(terms);
    const parts = { store, paths, endpoints: endpoints() };
    return await newToken({ ...terms, by: by ?? self }, parts);
  }

  changeAuthority(force: boolean): Promise<ChangedAuthority> {
    return this.#parts.changeAuthority(force);
  }

  async listTokens(): Promise<ListedToken[]> {
    return (await this.#tokens.list()).map(listed);
  }

  async removeToken(reference: string): Promise<{ id: string }> {
    const { id } = await this.#tokens.remove(reference);
    return { id };
  }

  /**
   * Puts a host out: of etcd's members, then its certificates, then its rights; then the connections that it has.
   *
   * @throws {NetsvcError} `in_use` where the store would go with it, and for a voter whom a client wants out
   */
  async expel(host: string, by?: string): Promise<Expelled> {
    const { record } = await memberHosts.get(this.#public, host);
    // In turn with the list of what is revoked, whose change ends connections. And two that go out at once would count
    // each other among those who stay.
    const done = await this.#turn.run(() => this.#expulsion.expel(host, by));
    if (!record) return done;
    await this.#revoke();
    await this.#parts.cutClients();
    tellExpelled(record, done);
    return done;
  }

  /**
   * Gives a host what it needs to be a voter: a certificate that may do all, and the authority's key.
   *
   * @param request of a key that the host has made
   * @throws {NetsvcError} `unauthorized` for a host that etcd's members don't expect
   */
  async grantVote(host: string, request: string): Promise<GrantedVote> {
    const { users, paths } = this.#parts;
    const [{ record, check }, expected] = await Promise.all([
      memberHosts.get(this.#public, host),
      this.#public.get(MEMBERS_KEY),
    ]);
    const publicKey = await requestedKey(request);
    const named = expected && parseMembers(expected.value).members.some((one) => one.host === host);
    if (!record || !publicKey || !named) {
      throw new NetsvcError("unauthorized", "This host is not to be a voter");
    }
    const authority = await Authority.read(paths);
    const { id, address } = record;
    const certificate = await authority.certifyVoterKey({ id, address, publicKey });
    const issued = issue(record.issued, readCertificate(certificate));
    const { ok } = await this.#public.commit({
      checks: [check],
      puts: [memberHosts.put({ ...record, issued }, id)],
    });
    if (!ok) throw new NetsvcError("conflict", "The host has changed meanwhile; ask again");
    await letVoterIn(users, id);
    // One that was put out meanwhile has no rights to be left behind.
    if (!(await memberHosts.get(this.#public, id)).record) {
      await users.delete(voterUser(id));
      throw new NetsvcError("unauthorized", "This host is no host of the cluster any more");
    }
    return {
      certificate,
      authorityKey: authority.key,
      peerAuthority: await readPeerAuthority(paths),
      revoked: (await Deno.readFile(paths.crl)).toBase64(),
    };
  }

  /** Whether a certificate is still that of a host. @throws {NetsvcError} where the store doesn't say so */
  async isMember(certificate: ShownCertificate): Promise<boolean> {
    return await isMember(this.#public, certificate);
  }

  /** Writes the list of what is revoked, which etcd reads at each handshake. */
  async #revoke(): Promise<void> {
    await this.#turn.run(async () => {
      const { paths } = this.#parts;
      const all = await revoked.list(this.#public, "revoked/");
      const serials = new Set(all.map(({ serial }) => serial));
      const before = this.#serials;
      if (before && serials.symmetricDifference(before).size === 0) return;
      const authority = await Authority.read(paths);
      await writeWhole(paths.crl, await authority.revocationList([...serials].sort()));
      this.#serials = serials;
      // At the start nobody is connected with what is revoked: etcd has read the list of before.
      if (before && !serials.isSubsetOf(before)) await this.#parts.cutClients();
    });
  }

  /** Signs what hosts have asked for; of several voters one is first. */
  async certifyAll(): Promise<void> {
    const asked = await this.#parts.store.list("public/self/");
    for (const { key, value } of asked) {
      const id = /^public\/self\/([0-9a-f]{64})\/request$/.exec(key)?.[1];
      if (id === undefined) continue;
      const request = requests.read({ key, value, revision: "" });
      // One host's request holds up nobody's.
      await (request ? this.#certify(id, request) : Promise.reject(notOurs())).catch((error) =>
        log.warn("Host {host} gets no certificate: {cause}", {
          host: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    }
  }

  async #certify(
    id: string,
    { request, address, name }: { request: string; address: string; name: string },
  ): Promise<void> {
    const [{ record: host, check }, { record: given, check: before }] = await Promise.all([
      memberHosts.get(this.#public, id),
      certificates.get(this.#public, id),
    ]);
    if (!host || given?.request === request) return;
    const publicKey = await requestedKey(request);
    const others = await memberHosts.list(this.#public, "hosts/");
    const why = whyNotCertified({ id, name, address }, others);
    if (!publicKey || keyFingerprint(publicKey) !== host.key || why !== undefined) {
      throw new NetsvcError("exists", why ?? "it is for another key");
    }
    const authority = await Authority.read(this.#parts.paths);
    const { record: signing, check: same } = await authorityRecords.get(this.#public);
    // While one authority takes the place of another, a voter that hasn't its key yet leaves it to the others.
    if (signing && authority.fingerprint !== fingerprint(signing.certificates[0]!)) return;
    const certificate = await authority.certifyHost({ id, address, publicKey });
    const { serial, until } = readCertificate(certificate);
    const issued = issue(host.issued, { serial, until });
    const outcome = await this.#public.commit({
      checks: [check, before, same],
      puts: [
        memberHosts.put({ ...host, name, address, issued, until }, id),
        certificates.put({ certificate, request }, id),
      ],
    });
    if (outcome.ok) log.info("Renewed the certificate of host {name}", { name: host.name });
  }

  /** The authority's certificates, as all hosts are to have them. */
  async authorities(): Promise<string> {
    const { record } = await authorityRecords.get(this.#public);
    return record?.certificates.join("") ?? await Deno.readTextFile(this.#parts.paths.ca);
  }
}

/** Why a host can't be called what it wants to be from now on, as it couldn't have joined so; `undefined`: it can. Pure. */
export function whyNotCertified(
  { id, name, address }: { id: string; name: string; address: string },
  all: readonly { id: string; name: string; address: string }[],
): string | undefined {
  for (const other of all) {
    if (other.id === id) continue;
    if (other.address === address) return `${address} is the address of host ${other.name}`;
    if (isSameName(other.name, name)) return `"${name}" is the name of host ${shortId(other.id)}`;
  }
  return undefined;
}

function notOurs(): NetsvcError {
  return new NetsvcError("invalid", "its request is none of this netsvc's");
}

function listed({ id, created, expires, uses }: TokenRecord): ListedToken {
  return { id, created, expires, uses };
}

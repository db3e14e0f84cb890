/**
 * For the day when it burns: backups of the cluster, their way back, and a voter that goes on alone.
 *
 * @module
 */
import type { Store } from "../../../../kv/store.ts";
import { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import { EtcdUsers } from "../../../../kv/etcd/admin/users.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { keepVoters, openAccess } from "../../control/access.ts";
import { Authority } from "../../control/authority.ts";
import { checkBackup, readBackup, writeBackup } from "../../etcd/backup/backup_file.ts";
import { entriesAt, revisionNow } from "../../etcd/backup/key_space.ts";
import { recoverAlone } from "../../etcd/backup/recover.ts";
import { replaceKeys } from "../../etcd/backup/replace_keys.ts";
import type { EtcdChild } from "../../etcd/etcd_child.ts";
import type { Restarts } from "../../etcd/voters/restarts.ts";
import type { ClusterFile, ClusterState } from "../../files/cluster_file.ts";
import { etcdMember, openAdmin } from "../own_etcd.ts";

/**
 * What a restore leaves as it is, in a cluster that runs: who is in it and who is out, its authority and its tokens; and
 * what hosts say of themselves.
 */
const KEPT = /^(?!netsvc\/)|^netsvc\/(hosts|host-names|host-leases|tunnels|meta|probes|doctor)\//;

/** Whether a restore leaves a key of etcd's as it is. Pure. */
export function isKept(key: string): boolean {
  return KEPT.test(key);
}

/** Why a backup isn't restored; `undefined`: it is. Pure. */
export function whyNotRestore(
  path: string,
  { of, cluster, force }: { of: string; cluster: string; force: boolean },
): string | undefined {
  if (of === cluster || force) return undefined;
  return `The backup "${path}" is of cluster ${of.slice(0, 8)}, and this is ${
    cluster.slice(0, 8)
  }; insist with -f`;
}

/** Why a voter doesn't go on alone; `undefined`: it does. Pure. @param answers whether the cluster has its majority */
export function whyNotRecover(
  { answers, force }: { answers: boolean; force: boolean },
): string | undefined {
  if (!answers || force) return undefined;
  return "The cluster has its majority, so there is nothing to recover; insist with -f to have this host go on alone";
}

/** What {@linkcode Repair} works with. */
export interface RepairParts {
  file: ClusterFile;
  state: ClusterState;
  child: EtcdChild;
  /** The public part of the store. */
  store: Pick<Store, "get">;
  restarts: () => Restarts | undefined;
  /** Takes up the work of a voter, where this host hasn't. */
  becomeVoter: () => Promise<void>;
  useEndpoints: (endpoints: { host: string; port: number }[]) => Promise<void>;
}

/** Saves, restores and recovers. */
export class Repair {
  readonly #parts: RepairParts;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  /** Writes all keys of this moment, and the authority, into a file of this host. @throws {NetsvcError} */
  async backup(path: string): Promise<{ entries: number; bytes: number }> {
    this.#needVote("write a backup");
    const { file: { paths }, state } = this.#parts;
    using admin = await openAdmin(paths, this.#endpoints);
    const revision = await revisionNow(admin);
    const [certificate, key] = await Promise.all(
      [paths.ca, paths.caKey].map((file) => Deno.readTextFile(file)),
    ) as [string, string];
    const header = {
      cluster: state.cluster.id,
      time: Date.now(),
      host: state.host.id,
      revision,
      files: { "ca.crt": certificate, "ca.key": key },
    };
    const bytes = await writeBackup(path, { header, entries: entriesAt(admin, revision) });
    return { entries: (await checkBackup(path)).entries, bytes };
  }

  /**
   * Puts networks, services and the like back to what they were. Hosts, tokens and the authority stay as they are.
   *
   * @param force also of another cluster: for a new one in the place of one that is lost
   * @throws {NetsvcError} and has changed nothing, if the file is damaged or of another cluster
   */
  async restore(path: string, force = false): Promise<{ written: number; deleted: number }> {
    this.#needVote("restore a backup");
    const { file: { paths }, state } = this.#parts;
    const { header } = await checkBackup(path);
    const why = whyNotRestore(path, { of: header.cluster, cluster: state.cluster.id, force });
    if (why !== undefined) throw new NetsvcError("invalid", why);
    using admin = await openAdmin(paths, this.#endpoints);
    return await replaceKeys(admin, () => readBackup(path), { keep: isKept });
  }

  /**
   * Has this voter go on alone with what it has, when the majority is gone for good.
   *
   * @param force also while the majority is there
   */
  async recover(force = false): Promise<{ id: string }> {
    const { file: { paths }, state, child, store, useEndpoints, becomeVoter } = this.#parts;
    // The vote may be so new that the majority was gone before this host heard of it: what its etcd has counts.
    if (!await child.hasData()) this.#needVote("recover the cluster");
    const answers = await store.get("etcd").then(() => true, () => false);
    const why = whyNotRecover({ answers, force });
    if (why !== undefined) throw new NetsvcError("conflict", why);
    const member = etcdMember(state, { existing: true });
    const open = () => openAdmin(paths, [member.client]);
    await recoverAlone(member, { child, open });
    // Who has the vote's data has the key, but for one who took it away by hand.
    if (await Deno.stat(paths.caKey).then(() => true, () => false)) await this.#letSelfIn();
    await useEndpoints([member.client]);
    await becomeVoter();
    await this.#putOthersOut();
    return { id: state.cluster.id };
  }

  /**
   * Makes etcd's administrator and this voter's user again, where somebody has deleted them: by a certificate of the
   * administrator's that the authority's key, which is here, makes for these calls alone.
   */
  async #letSelfIn(): Promise<void> {
    const { file: { paths }, state } = this.#parts;
    const authority = await Authority.read(paths);
    const { certificate: cert, key } = await authority.certifyRoot();
    const ca = await Deno.readTextFile(paths.ca);
    const { client } = etcdMember(state, { existing: true });
    using admin = new AdminChannels({ endpoints: [client], tls: { ca, cert, key } });
    await openAccess(new EtcdUsers(admin), { id: state.host.id });
  }

  /**
   * Takes the rights of voters from all others. They stay hosts: one that comes back within reach hears from this etcd
   * that it is no member, and ends its own. Their certificates aren't revoked, since then they'd hear nothing.
   */
  async #putOthersOut(): Promise<void> {
    const { file: { paths }, state: { host } } = this.#parts;
    using admin = await openAdmin(paths, this.#endpoints);
    await keepVoters(new EtcdUsers(admin), [host.id]);
  }

  /** Restarts this host's etcd with the program that is installed. */
  async upgrade(): Promise<{ version: string }> {
    this.#needVote("upgrade its etcd");
    await this.#parts.restarts()!.restart();
    return { version: this.#parts.child.version ?? "" };
  }

  get #endpoints(): { host: string; port: number }[] {
    const { store } = this.#parts.state;
    return store.kind === "own" ? store.endpoints : [];
  }

  #needVote(what: string): void {
    if (this.#parts.restarts()) return;
    throw new NetsvcError(
      "invalid",
      `This host has no vote, so it can't ${what}; do it on one that "netsvc cluster status" calls a voter`,
    );
  }
}

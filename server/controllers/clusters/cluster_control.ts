/**
 * The cluster that this host is in: made, joined, left, shown. Whatever changes it ends with a new start of the daemon, in
 * the same process: from the files that were written here, as after any restart.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type {
  ClusterStatus,
  ClusterToken,
  CreateClusterToken,
  InitCluster,
  InitializedCluster,
  JoinCluster,
  JoinedCluster,
  LeaveCluster,
  LeftCluster,
  NewClusterToken,
  Removed,
  RotateAuthority,
  RotatedAuthority,
  Trouble,
} from "../../../lib/api/types.ts";
import { Mutex } from "../../../lib/async/mutex.ts";
import type { Hosts } from "../hosts/hosts.ts";
import type { ClusterLook } from "./cluster_look.ts";
import { findNamed } from "../lookup.ts";
import { hostAddress, HostName } from "../../cluster/control/host_text.ts";
import { memberHosts } from "../../cluster/control/records.ts";
import { type OwnToken, parseToken } from "../../cluster/control/token.ts";
import type { ClusterFile } from "../../cluster/files/cluster_file.ts";
import { duration } from "../../cluster/member/new_token.ts";
import { localAddress } from "../../cluster/join/join_client.ts";
import type { HostInCluster, ListedToken, NewToken } from "../../cluster/member/duties.ts";
import {
  createFirstToken,
  makeCluster,
  type NewHost,
  type Progress,
} from "../../cluster/member/init.ts";
import { joinCluster } from "../../cluster/member/join.ts";
import { leaveCluster } from "../../cluster/member/leave.ts";
import { changeAuthority } from "./authority_change.ts";
import type { Repair } from "../../cluster/member/voting/repair.ts";
import { joinExternal, makeExternal } from "../../cluster/member/external/form.ts";

/** Of a token that is made without words, in milliseconds: an hour. */
const TOKEN_LASTS_MS = 3_600_000;

/** What {@linkcode ClusterControl} is made of. */
export interface ClusterControlParts {
  file: ClusterFile;
  hostId: string;
  hostName: string;
  /** Absent on a host that is in no cluster of `init`'s. */
  member: HostInCluster | undefined;
  /** Whether `--kv-store` names a store. */
  storeGiven: boolean;
  /** As the daemon's `--etcd` gives it. */
  etcd?: string;
  /** The address of `advertise` (an address or a link), or this host's own. @throws {NetsvcError} `invalid` */
  addressOf: (advertise: string | undefined) => Promise<string | undefined>;
  hosts: Pick<Hosts, "remove" | "forgetSelf">;
  /** Names of the services of global networks that this host backs, as `NAME.NETWORK`. */
  backed: () => string[];
  /** Global networks of this host's own store: they don't go with it into a cluster. */
  strandedNetworks: () => string[];
  look: Pick<ClusterLook, "status" | "troubles">;
  /** @returns id of the rotation; `undefined` where nothing is encrypted */
  rotateKeys: () => Promise<string | undefined>;
  restart: () => void;
}

/** Makes, joins and leaves clusters. */
export class ClusterControl {
  readonly #parts: ClusterControlParts;
  readonly #turn = new Mutex();
  #restarting = false;

  constructor(parts: ClusterControlParts) {
    this.#parts = parts;
  }

  /** @throws {NetsvcError} and changes nothing */
  init(options: InitCluster = {}, progress?: Progress): Promise<InitializedCluster> {
    return this.#change(async () => {
      this.#refuseMember();
      const terms = termsOf(options);
      const { file } = this.#parts;
      const address = await this.#parts.addressOf(options.advertise);
      const host = this.#newHost(options, address);
      const { etcd, kvStore } = options;
      if (kvStore !== undefined) {
        if (etcd !== undefined) throw refusedEtcd(etcd);
        const { state, token } = await makeExternal(file, {
          host,
          kvStore,
          terms,
          env: Deno.env.toObject(),
        });
        return { id: state.cluster.id, token: shownNew(token) };
      }
      const state = await makeCluster(file, {
        host,
        ...etcdOf(etcd ?? this.#parts.etcd),
        ...progress && { progress },
      });
      const token = await createFirstToken(file, { state, terms });
      return { id: state.cluster.id, token: shownNew(token) };
    });
  }

  /** @throws {NetsvcError} and is in no cluster */
  join(options: JoinCluster, progress?: Progress): Promise<JoinedCluster> {
    return this.#change(async () => {
      this.#refuseMember();
      const token = parseToken(options.token);
      const { file } = this.#parts;
      const { advertise, etcd } = options;
      const address = await this.#parts.addressOf(advertise).catch((error) => {
        if (advertise !== undefined) throw error;
        return undefined;
      });
      if (token.kind === "external") {
        if (etcd !== undefined) throw refusedEtcd(etcd);
        const host = this.#newHost(options, address);
        const { state, hosts, voters } = await joinExternal(file, { token, host });
        return { id: state.cluster.id, hosts, voters };
      }
      const reached = advertise === undefined ? await reaching(token, this.#parts) : undefined;
      const host = this.#newHost(options, reached ?? address);
      const { state, hosts, voters } = await joinCluster(file, {
        token,
        host,
        ...etcdOf(etcd ?? this.#parts.etcd),
        ...progress && { progress },
      });
      return { id: state.cluster.id, hosts, voters };
    });
  }

  leave({ force = false }: LeaveCluster = {}): Promise<LeftCluster> {
    return this.#change(async () => {
      const member = this.#member();
      const backed = this.#parts.backed();
      if (backed.length > 0 && !force) {
        throw new NetsvcError(
          "in_use",
          `Cannot leave the cluster: containers of this host back ${
            backed.join(", ")
          }; detach them, or insist with -f`,
        );
      }
      const forget = () => this.#parts.hosts.forgetSelf();
      const snapshots = await leaveCluster(this.#parts.file, { member, force, forget });
      return { id: member.state.cluster.id, ...snapshots !== undefined && { snapshots } };
    });
  }

  async status(): Promise<ClusterStatus> {
    return this.#restarting ? { ready: false, hosts: [] } : await this.#parts.look.status();
  }

  /** What is wrong with the cluster, as this host sees it. */
  async troubles(): Promise<Trouble[]> {
    return this.#restarting ? [] : await this.#parts.look.troubles();
  }

  /** Has all hosts make new keys for encrypted networks; those that are away follow when they are back. */
  async rotateKeys(): Promise<{ id: string }> {
    if (!this.#parts.storeGiven) this.#member();
    const id = await this.#parts.rotateKeys();
    if (id !== undefined) return { id };
    throw new NetsvcError("unsupported", "This daemon has no kernel to encrypt networks with");
  }

  /**
   * Puts other authorities in the place of the cluster's, and waits until that is over.
   *
   * @throws {NetsvcError} `timeout` when it waits for others: it goes on by itself
   */
  async rotateAuthority(
    { force = false }: RotateAuthority = {},
    progress?: Progress,
  ): Promise<RotatedAuthority> {
    const forget = (id: string) => this.#parts.hosts.remove(id, { force: true });
    return await changeAuthority(this.#member(), { force, forget, ...progress && { progress } });
  }

  /** Forgets a host; in a cluster of `init`'s it is out at once, whatever it still has. */
  async removeHost(
    reference: string,
    { force = false }: { force?: boolean } = {},
  ): Promise<Removed> {
    const { member, hosts, hostId } = this.#parts;
    if (!member) return await hosts.remove(reference);
    if (force && member.state.store.kind === "external") {
      throw new NetsvcError(
        "unsupported",
        `Cannot put a host out with -f: all hosts of this cluster have the store's login; change that in the store, and ` +
          `remove the host when its daemon has ended`,
      );
    }
    const putOut = async (id: string): Promise<void> => {
      if (id === hostId) {
        throw new NetsvcError(
          "invalid",
          `Cannot remove this host itself; "netsvc cluster leave" takes it out`,
        );
      }
      await member.duties.expel(id);
    };
    try {
      return await hosts.remove(reference, { force, putOut });
    } catch (error) {
      // One that was taken in and has never registered, or was forgotten half-way, is known by its certificate alone.
      if (!(error instanceof NetsvcError) || error.code !== "not_found") throw error;
      const taken = await memberHosts.list(member.store, "hosts/");
      const found = findNamed(reference, { what: "host", all: taken });
      if (!found) throw error;
      await putOut(found.id);
      return { name: found.name, cut: [] };
    }
  }

  async tokens(): Promise<ClusterToken[]> {
    return (await this.#member().duties.listTokens()).map(shown);
  }

  async createToken(options: CreateClusterToken = {}): Promise<NewClusterToken> {
    return shownNew(await this.#member().duties.createToken(termsOf(options)));
  }

  async removeToken(reference: string): Promise<{ id: string }> {
    return await this.#member().duties.removeToken(reference);
  }

  /** Backups, and what is done when it burns. */
  get repair(): Repair {
    return this.#member().repair;
  }

  /** One at a time; the daemon begins again after each that succeeds. */
  #change<T>(action: () => Promise<T>): Promise<T> {
    return this.#turn.run(async () => {
      if (this.#restarting) {
        throw new NetsvcError(
          "unavailable",
          "The daemon is about to begin again; try again in a moment",
        );
      }
      const done = await action();
      this.#restarting = true;
      this.#parts.restart();
      return done;
    });
  }

  #member(): HostInCluster {
    const { member } = this.#parts;
    if (member) return member;
    throw new NetsvcError(
      "invalid",
      `This host is in no cluster; "netsvc cluster init" makes one, "netsvc cluster join TOKEN" joins one`,
    );
  }

  #refuseMember(): void {
    const { member, storeGiven, strandedNetworks } = this.#parts;
    if (member) {
      throw new NetsvcError(
        "exists",
        `This host is in cluster ${
          member.state.cluster.id.slice(0, 8)
        } already; "netsvc cluster leave" takes it out`,
      );
    }
    if (storeGiven) {
      throw new NetsvcError(
        "invalid",
        "This daemon was started with --kv-store, and is in the cluster of that store; start it without",
      );
    }
    const stranded = strandedNetworks();
    if (stranded.length === 0) return;
    throw new NetsvcError(
      "in_use",
      `This host has global networks of its own, which no cluster would know: ${
        stranded.join(", ")
      }; remove them first`,
    );
  }

  #newHost(
    { name, advertise }: { name?: string; advertise?: string },
    address: string | undefined,
  ): NewHost {
    if (address === undefined) {
      throw new NetsvcError(
        "invalid",
        "This host has no address that others could reach it at; give one with --advertise",
      );
    }
    const reached = hostAddress(address);
    if (reached === undefined) {
      throw new NetsvcError(
        "invalid",
        `Other hosts can't reach this one at ${address}; give another address with --advertise`,
      );
    }
    const known = name ?? this.#parts.hostName;
    if (!HostName.safeParse(known).success) {
      throw new NetsvcError(
        "invalid",
        `Invalid --name ${
          JSON.stringify(known)
        }: give 1 to 64 letters, digits, ".", "_" and "-", a letter or a digit first`,
      );
    }
    return {
      id: this.#parts.hostId,
      name: known,
      address: reached,
      given: { ...name !== undefined && { name }, ...advertise !== undefined && { advertise } },
    };
  }
}

/** The address that this host reaches the voters from. @throws {NetsvcError} where they can't reach it there */
async function reaching(
  { addresses }: OwnToken,
  { addressOf }: Pick<ClusterControlParts, "addressOf">,
): Promise<string | undefined> {
  const from = await localAddress(addresses);
  if (from === undefined) return undefined;
  await addressOf(from).catch((cause) => {
    throw new NetsvcError(
      "invalid",
      `This host reaches the cluster from ${from}, where the others can't reach it; say with --advertise where they can`,
      { cause },
    );
  });
  return from;
}

function etcdOf(etcd: string | undefined): { etcd?: string } {
  return etcd === undefined ? {} : { etcd };
}

function refusedEtcd(path: string): NetsvcError {
  return new NetsvcError(
    "invalid",
    `A cluster on a store that exists runs no etcd: leave --etcd ${JSON.stringify(path)} out`,
  );
}

/** @throws {NetsvcError} `invalid` */
function termsOf({ ttl, uses = 1 }: CreateClusterToken): { ttl: number; uses: number } {
  const ms = ttl === undefined ? TOKEN_LASTS_MS : ttl * 1000;
  if (!Number.isInteger(ms) || ms < 60_000 || ms > 30 * 86_400_000) {
    throw new NetsvcError(
      "invalid",
      `Invalid --ttl ${duration(ms)}: give 1m to 30d`,
    );
  }
  if (!Number.isInteger(uses) || uses < 1 || uses > 1000) {
    throw new NetsvcError("invalid", `Invalid --uses ${uses}: give 1 to 1000 hosts`);
  }
  return { ttl: ms, uses };
}

function shown({ id, created, expires, uses }: ListedToken): ClusterToken {
  return {
    id,
    created: new Date(created).toISOString(),
    expires: new Date(expires).toISOString(),
    uses,
  };
}

function shownNew(token: NewToken): NewClusterToken {
  return { ...shown(token), token: token.token };
}

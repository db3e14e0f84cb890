/**
 * Looks at the cluster that this host is in: its hosts, and what is wrong with it.
 *
 * @module
 */
import { parseStoreUrl } from "../../../kv/url/url.ts";
import type { ClusterStatus, Trouble } from "../../../lib/api/types.ts";
import { atMost } from "../../../lib/async/deadline.ts";
import { missingForWireguard } from "../../../lib/linux/wireguard/missing.ts";
import { hostFacts, type HostRecord, memberHosts } from "../../cluster/control/records.ts";
import type { ClusterState } from "../../cluster/files/cluster_file.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT, JOIN_PORT } from "../../cluster/files/ports.ts";
import type { HostInCluster, Vote } from "../../cluster/member/duties.ts";
import { shownRollover } from "./authority_change.ts";
import type { Hosts } from "../hosts/hosts.ts";
import { ClusterHosts } from "./cluster_hosts.ts";
import { type NamedNetwork, networkTroubles } from "./network_troubles.ts";
import {
  certificateTroubles,
  etcdTrouble,
  expulsionTrouble,
  learnerTroubles,
  voterTroubles,
  voteTroubles,
} from "./troubles.ts";

/** Time for the voters to say who votes, in milliseconds; then each is asked by itself. */
const VOTES_MS = 4_000;

/** What {@linkcode ClusterLook} is made of. */
export interface ClusterLookParts {
  member: HostInCluster | undefined;
  hosts: Pick<Hosts, "list">;
  /** Whether this host is registered in the store. */
  registered: () => boolean;
  /** Whether the store doesn't answer. */
  storeAway: () => boolean;
  /** How long ago a host was heard of, in milliseconds; `undefined`: that isn't known now. */
  heardOf: (host: string) => Promise<number | undefined>;
  networks: () => NamedNetwork[];
}

/** Looks. */
export class ClusterLook {
  readonly #parts: ClusterLookParts;
  readonly #hosts = new ClusterHosts();

  constructor(parts: ClusterLookParts) {
    this.#parts = parts;
  }

  async status(): Promise<ClusterStatus> {
    const { member, registered, hosts, heardOf } = this.#parts;
    if (!member) return { ready: registered(), hosts: [] };
    const [listed, taken, votes, rollover] = await Promise.all([
      hosts.list(),
      this.#taken(member),
      this.#votes(member),
      this.#parts.storeAway() ? undefined : shownRollover(member.store),
    ]);
    return {
      id: member.state.cluster.id,
      ready: registered(),
      store: storeOf(member.state),
      hosts: await this.#hosts.show({
        listed,
        taken,
        votes,
        seen: votes ? [] : await member.view.seeVoters(),
        selfVotes: member.state.role === "voter",
        heardOf,
      }),
      ...rollover && { rollover },
    };
  }

  /** What is wrong, the worst first; nothing on a host that is in no cluster. */
  async troubles(): Promise<Trouble[]> {
    const { member, networks } = this.#parts;
    if (!member) return [];
    const out = await member.view.expulsion();
    if (out) return [expulsionTrouble(out)];
    const [own, seen, listed, taken, votes = []] = await Promise.all([
      member.view.ownEtcd(),
      member.view.seeVoters(),
      this.#parts.hosts.list(),
      this.#taken(member),
      this.#votes(member),
    ]);
    const learners = votes.filter(({ part }) => part === "learner")
      .map(({ host }) => taken.find(({ id }) => id === host)?.name ?? "an unknown host");
    const nameOf = (address: string) =>
      listed.find((host) => host.address === address)?.name ?? address;
    const voters = seen.filter(({ part }) => part !== "learner").length;
    return [
      ...own ? etcdTrouble(own) : [],
      ...voterTroubles(seen, { answers: !this.#parts.storeAway(), nameOf }),
      ...voteTroubles(await this.#couldVote(member, taken), voters),
      ...learnerTroubles(learners.sort()),
      ...certificateTroubles(taken, Date.now()),
      ...missingForWireguard().map((missing) => ({ severity: "warning" as const, ...missing })),
      ...networkTroubles(networks()),
    ].sort((a, b) => Number(b.severity === "problem") - Number(a.severity === "problem"));
  }

  /** TCP ports of the voters that this host needs: where hosts join, etcd's, and as a voter etcd's for voters. */
  async ports(): Promise<{ name: string; address: string; ports: number[] }[]> {
    const { member, hosts } = this.#parts;
    if (!member) return [];
    const listed = await hosts.list();
    const ports = [
      JOIN_PORT,
      ETCD_CLIENT_PORT,
      ...member.state.role === "voter" ? [ETCD_PEER_PORT] : [],
    ];
    return member.voters.map((address) => ({
      name: listed.find((host) => host.address === address)?.name ?? address,
      address,
      ports,
    }));
  }

  /** `undefined` where nobody says. */
  async #votes({ duties }: HostInCluster): Promise<Vote[] | undefined> {
    if (this.#parts.storeAway()) return undefined;
    return await atMost(duties.votes().catch(() => undefined), VOTES_MS);
  }

  /** The hosts that voters have taken in; none where that isn't known now. */
  async #taken({ store }: HostInCluster): Promise<HostRecord[]> {
    if (this.#parts.storeAway()) return [];
    return await memberHosts.list(store, "hosts/").catch(() => []);
  }

  /** Those of them that say which etcd they have. */
  async #couldVote(
    { store }: HostInCluster,
    taken: HostRecord[],
  ): Promise<{ name: string; etcd?: string }[]> {
    if (taken.length === 0) return [];
    try {
      const own = await store.list("self/");
      return taken.flatMap(({ id, name }) => {
        const facts = hostFacts.read(own.find(({ key }) => key === hostFacts.key(id)));
        // One that has just joined says what it has within a moment.
        return facts ? [{ name, ...facts.etcd !== undefined && { etcd: facts.etcd } }] : [];
      });
    } catch {
      return [];
    }
  }
}

/** Its name, or the URL without what is secret. */
function storeOf({ store }: ClusterState): string {
  return store.kind === "own" ? "etcd" : parseStoreUrl(store.url).display;
}

/**
 * The hosts of a cluster as `cluster status` shows them.
 *
 * @module
 */
import type { ClusterHost, Host } from "../../../lib/api/types.ts";
import { atMost } from "../../../lib/async/deadline.ts";
import type { HostRecord } from "../../cluster/control/records.ts";
import type { Vote } from "../../cluster/member/duties.ts";

/** A host that hasn't answered within this time is shown as it was seen before, in milliseconds. */
const ANSWER_MS = 1_000;

/** What is known of the hosts. */
export interface KnownHosts {
  /** Those that have registered. */
  listed: Host[];
  /** Those that voters have taken in. */
  taken: HostRecord[];
  votes: Vote[];
  answers: (host: string) => Promise<boolean>;
}

/** Shows them, and remembers when each was seen. */
export class ClusterHosts {
  readonly #seen = new Map<string, number>();

  async show({ listed, taken, votes, answers }: KnownHosts): Promise<ClusterHost[]> {
    const silent = taken.filter(({ id }) => !listed.some((host) => host.id === id)).map(
      ({ id, name, address }) => ({ id, name, address, self: false, status: "down" as const }),
    );
    const all = await Promise.all([...listed, ...silent].map(async (host): Promise<ClusterHost> => {
      const { id, name, address, self, status } = host;
      const lastSeen = await this.#lastSeen(host, answers);
      const part = votes.find((vote) => vote.host === id)?.part;
      const known = taken.find((one) => one.id === id);
      return {
        id,
        name,
        ...address !== undefined && { address },
        self,
        role: part === undefined ? "client" : part === "learner" ? "learner" : "voter",
        status,
        ...part !== undefined && { store: part },
        ...known && known.until > 0 && { keysUntil: new Date(known.until).toISOString() },
        ...lastSeen !== undefined && { lastSeen },
      };
    }));
    return all.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** In milliseconds before now. */
  async #lastSeen(
    { id, self, status }: Pick<Host, "id" | "self" | "status">,
    answers: KnownHosts["answers"],
  ): Promise<number | undefined> {
    if (self) return 0;
    const asked = status === "up" ? answers(id).catch(() => false) : Promise.resolve(false);
    if (await atMost(asked, ANSWER_MS)) this.#seen.set(id, Date.now());
    const at = this.#seen.get(id);
    return at === undefined ? undefined : Date.now() - at;
  }
}

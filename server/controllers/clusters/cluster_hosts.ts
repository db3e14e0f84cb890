/**
 * The hosts of a cluster as `cluster status` shows them.
 *
 * @module
 */
import type { ClusterHost, Host } from "../../../lib/api/types.ts";
import { atMost } from "../../../lib/async/deadline.ts";
import { forEachPooled } from "../../../lib/async/pool.ts";
import type { HostRecord } from "../../cluster/control/records.ts";
import type { Vote, VoterSeen } from "../../cluster/member/duties.ts";

/** A host that isn't heard of within this time is shown as it was before, in milliseconds. */
const ANSWER_MS = 1_500;
/** Hosts that are asked about at once. */
const AT_ONCE = 32;

/** What is known of the hosts. */
export interface KnownHosts {
  /** Those that have registered. */
  listed: Host[];
  /** Those that voters have taken in. */
  taken: HostRecord[];
  /** `undefined` where no voter says. */
  votes: Vote[] | undefined;
  /** How the voters answer, each by itself. */
  seen: VoterSeen[];
  /** Whether this host is a voter by its own files. */
  selfVotes: boolean;
  /** How long ago a host was heard of, in milliseconds; `undefined`: that isn't known now. */
  heardOf: (host: string) => Promise<number | undefined>;
}

/** Shows them, and remembers when each was heard of. */
export class ClusterHosts {
  /** By id, of `performance.now()`. */
  readonly #heard = new Map<string, number>();

  async show(known: KnownHosts): Promise<ClusterHost[]> {
    const { listed, taken } = known;
    const silent = taken.filter(({ id }) => !listed.some((host) => host.id === id)).map(
      ({ id, name, address }) => ({ id, name, address, self: false, status: "down" as const }),
    );
    const shown: ClusterHost[] = [];
    await forEachPooled([...listed, ...silent], async (host) => {
      const { id, name, address, self, status } = host;
      const lastSeen = await this.#lastSeen(host, known.heardOf);
      const certificate = taken.find((one) => one.id === id);
      shown.push({
        id,
        name,
        ...address !== undefined && { address },
        self,
        ...partIn(known, host),
        status,
        ...certificate && certificate.until > 0 &&
          { keysUntil: new Date(certificate.until).toISOString() },
        ...lastSeen !== undefined && { lastSeen },
      });
    }, { size: AT_ONCE });
    return shown.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** In milliseconds before now. */
  async #lastSeen(
    { id, self, status }: Pick<Host, "id" | "self" | "status">,
    heardOf: KnownHosts["heardOf"],
  ): Promise<number | undefined> {
    if (self) return 0;
    const asked = status === "up" ? heardOf(id).catch(() => undefined) : Promise.resolve(undefined);
    const ago = await atMost(asked, ANSWER_MS);
    const at = this.#heard.get(id);
    if (ago === undefined) return at === undefined ? undefined : performance.now() - at;
    this.#heard.set(id, performance.now() - ago);
    return ago;
  }
}

/** A host's part in the store: by what the voters say together, else by how each answers. */
function partIn(
  { votes, seen, selfVotes }: KnownHosts,
  { id, address, self }: Pick<ClusterHost, "id" | "address" | "self">,
): Pick<ClusterHost, "role" | "store"> {
  const part = votes?.find((vote) => vote.host === id)?.part ??
    (votes ? undefined : seen.find((voter) => voter.address === address)?.part);
  if (part !== undefined) return { role: part === "learner" ? "learner" : "voter", store: part };
  // A voter whose etcd is down knows that it is one.
  return !votes && self && selfVotes ? { role: "voter", store: "unreachable" } : { role: "client" };
}

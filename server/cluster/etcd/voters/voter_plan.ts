/**
 * Which hosts vote: what to do next. Pure. One step at a time, each of which leaves a majority of the voters healthy.
 *
 * @module
 */

/** A host of the cluster. */
export interface HostFacts {
  id: string;
  /** Since when it is up, in milliseconds since 1970. */
  since: number;
  /** Whether it is there now. */
  up: boolean;
  /** For how long it hasn't been, in milliseconds. */
  gone: number;
  /** Whether it could vote: it has an etcd that fits the others'. */
  able: boolean;
}

/** A member of etcd's cluster. */
export interface VoterFacts {
  /** Of etcd. */
  member: string;
  /** Whose it is; `undefined` for one that is no host's. */
  host: string | undefined;
  learner: boolean;
  /** It answers, and knows the leader. */
  healthy: boolean;
  /** A learner that has what the leader has. */
  caughtUp: boolean;
  leader: boolean;
  /** For how long it has been a learner, in milliseconds, as far as is known. */
  learning: number;
}

/** What the plan is made from. */
export interface VotingFacts {
  hosts: readonly HostFacts[];
  voters: readonly VoterFacts[];
  /** After how many milliseconds a voter that is gone is replaced. */
  replaceAfter: number;
}

/** The next step. */
export type VoterStep =
  | { do: "add"; host: string }
  | { do: "promote"; member: string }
  | { do: "remove"; member: string; why: string };

/** A learner that doesn't catch up within this time gives its place to another, in milliseconds. */
export const LEARNING_MS = 10 * 60_000;

/** How many vote of so many hosts. */
export function votersOf(hosts: number): number {
  return hosts >= 7 ? 5 : hosts >= 3 ? 3 : 1;
}

/** Whether a majority of so many voters is healthy. */
function hasQuorum(voters: number, healthy: number): boolean {
  return voters > 0 && healthy > voters / 2;
}

/** What to do next; `undefined` where all is well, or nothing can be done now. */
export function planVoters(facts: VotingFacts): VoterStep | undefined {
  const { voters } = facts;
  const voting = voters.filter(({ learner }) => !learner);
  const healthy = voting.filter((one) => one.healthy).length;
  // Nothing can be changed without one: etcd itself would refuse.
  if (!hasQuorum(voting.length, healthy)) return undefined;
  const learner = voters.find((one) => one.learner);
  if (learner) return planLearner(facts, learner);
  return removeStranger(facts, voting) ?? removeSurplus(facts, voting) ??
    removeGone(facts, voting) ?? addOne(facts, voting);
}

function planLearner(
  { hosts, voters, replaceAfter }: VotingFacts,
  { member, host, healthy, caughtUp, learning }: VoterFacts,
): VoterStep | undefined {
  const own = hosts.find(({ id }) => id === host);
  const remove = (why: string): VoterStep => ({ do: "remove", member, why });
  if (!own) return remove("its host is not of this cluster");
  if (!own.up && own.gone >= replaceAfter) return remove("its host is gone");
  const voting = voters.filter((one) => !one.learner);
  const well = voting.filter((one) => one.healthy).length;
  if (healthy && caughtUp) {
    return hasQuorum(voting.length + 1, well + 1) ? { do: "promote", member } : undefined;
  }
  return learning >= LEARNING_MS ? remove("it doesn't catch up") : undefined;
}

/** Whether a majority of the others is healthy. */
function canSpare(voting: readonly VoterFacts[], member: string): boolean {
  const others = voting.filter((one) => one.member !== member);
  return hasQuorum(others.length, others.filter((one) => one.healthy).length);
}

/** Removes what is no host's of this cluster. */
function removeStranger(
  { hosts }: VotingFacts,
  voting: readonly VoterFacts[],
): VoterStep | undefined {
  const known = new Set(hosts.map(({ id }) => id));
  const stranger = voting.find(({ host, member }) =>
    (host === undefined || !known.has(host)) && canSpare(voting, member)
  );
  return stranger &&
    { do: "remove", member: stranger.member, why: "its host is not of this cluster" };
}

/** Takes a vote away where hosts have left: of what isn't healthy, else of the one that is up for the shortest time. */
function removeSurplus(
  { hosts }: VotingFacts,
  voting: readonly VoterFacts[],
): VoterStep | undefined {
  if (voting.length <= votersOf(hosts.length)) return undefined;
  const since = new Map(hosts.map(({ id, since }) => [id, since]));
  const first = voting.filter(({ member }) => canSpare(voting, member)).sort((a, b) =>
    Number(a.healthy) - Number(b.healthy) || Number(a.leader) - Number(b.leader) ||
    (since.get(b.host!) ?? 0) - (since.get(a.host!) ?? 0) || compare(a.member, b.member)
  ).at(0);
  return first && { do: "remove", member: first.member, why: "fewer hosts need fewer voters" };
}

/** Makes room for another host in the place of one that is gone. */
function removeGone(facts: VotingFacts, voting: readonly VoterFacts[]): VoterStep | undefined {
  const { hosts, replaceAfter } = facts;
  if (candidates(facts).length === 0) return undefined;
  // etcd adds nobody while a member is away, so that one goes first.
  const gone = voting.find(({ host, healthy, member }) => {
    const own = hosts.find(({ id }) => id === host);
    return own && !own.up && own.gone >= replaceAfter && !healthy && canSpare(voting, member);
  });
  return gone && { do: "remove", member: gone.member, why: "its host is gone" };
}

/** Gives a vote to the host that is up for the longest time, where an odd number of voters comes of it in the end. */
function addOne(facts: VotingFacts, voting: readonly VoterFacts[]): VoterStep | undefined {
  if (voting.some(({ healthy }) => !healthy)) return undefined;
  const able = candidates(facts);
  const possible = Math.min(votersOf(facts.hosts.length), voting.length + able.length);
  const wanted = possible - (1 - possible % 2);
  return voting.length < wanted ? { do: "add", host: able[0]!.id } : undefined;
}

/** Hosts that could vote and don't, the one first that is up for the longest time. */
function candidates({ hosts, voters }: VotingFacts): HostFacts[] {
  const taken = new Set(voters.map(({ host }) => host));
  return hosts.filter(({ id, up, able }) => up && able && !taken.has(id))
    .sort((a, b) => a.since - b.since || compare(a.id, b.id));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

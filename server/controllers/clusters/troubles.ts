/**
 * What is wrong with a host's cluster, in words and with what to do: said by `cluster status`, `cluster join` and
 * `doctor` alike. Pure.
 *
 * @module
 */
import type { Trouble } from "../../../lib/api/types.ts";
import type { Expulsed, OwnEtcd, VoterSeen } from "../../cluster/member/duties.ts";
import { describeExpulsion } from "../../cluster/member/standing/standing.ts";
import { votersOf } from "../../cluster/etcd/voters/voter_plan.ts";

const problem = (message: string, remedy: string): Trouble => ({
  severity: "problem",
  message,
  remedy,
});
const warning = (message: string, remedy: string): Trouble => ({
  severity: "warning",
  message,
  remedy,
});

/** `1 of 3 voters answers`. */
function answering(n: number, of: number): string {
  return `${n} of ${of} ${of === 1 ? "voter" : "voters"} ${n === 1 ? "answers" : "answer"}`;
}

/** That this host is out: nothing else matters then. */
export function expulsionTrouble(out: Expulsed): Trouble {
  return problem(
    describeExpulsion(out),
    `To have it back: netsvc cluster leave -f here, then netsvc cluster join with a new token`,
  );
}

/** What is wrong with this host's own etcd, or in the way of its having one. */
export function etcdTrouble({ keyless = false, ...own }: OwnEtcd): Trouble[] {
  const key = own.votes && keyless
    ? [problem(
      "This voter has lost the authority's key: it takes no host in, and renews no certificate",
      "Copy STATE/cluster/ca.key of another voter, or of a backup of that directory, to the same place here; mode 0600",
    )]
    : [];
  return [...key, ...runTrouble(own)];
}

function runTrouble({ votes, running, cannot, copied }: OwnEtcd): Trouble[] {
  const again = "Do that; the daemon tries again by itself within half a minute";
  if (votes && cannot !== undefined) {
    return [problem(
      running
        ? `This voter's etcd runs, and couldn't be started again: ${cannot}`
        : `This host is a voter, and its etcd can't be started: ${cannot}`,
      again,
    )];
  }
  if (votes && !running) {
    return [problem(
      "This host is a voter, and its etcd doesn't run",
      "The daemon starts it again by itself; its log, and the end of STATE/cluster/etcd.log, say why it ended",
    )];
  }
  if (votes && copied !== undefined) {
    return [warning(
      `This voter's etcd is a copy that netsvc has kept, since its program is gone: ${copied}`,
      "Do that; without its program no upgrade is possible, and the copy gets no fixes",
    )];
  }
  return cannot === undefined ? [] : [warning(
    `This host can't vote: ${cannot}`,
    "Do that, if it is to vote; the others hear of it by themselves",
  )];
}

/** What is known besides. */
export interface AboutVoters {
  /** Whether the store answers this host: then there is a majority, however busy the voters are. */
  answers: boolean;
  /** A host's name by its address. */
  nameOf: (address: string) => string;
}

/** What is wrong with the voters. */
export function voterTroubles(
  seen: readonly VoterSeen[],
  { answers, nameOf }: AboutVoters,
): Trouble[] {
  const voting = seen.filter(({ part }) => part !== "learner");
  if (voting.length === 0) return [];
  const away = voting.filter(({ part }) => part === "unreachable");
  const there = voting.length - away.length;
  const names = away.map(({ address }) => nameOf(address)).sort().join(", ");
  const led = voting.some(({ part }) => part === "leader" || part === "follower");
  if (!answers && there * 2 <= voting.length) {
    return [problem(
      `No majority: ${answering(there, voting.length)}, so that nothing can be changed`,
      `Bring ${names} back, or the way there (TCP ports 2479 and 2480); if ${
        away.length === 1 ? "it is" : "they are"
      } gone for good, with the disks: netsvc cluster recover on a voter that is left`,
    )];
  }
  if (!answers && !led) {
    return [problem(
      `No majority: ${answering(there, voting.length)}, and none of them knows a leader`,
      `This passes within seconds when they reach each other: see to TCP port 2480 between them, and to their clocks`,
    )];
  }
  if (away.length === 0) return [];
  return [warning(
    `${answering(there, voting.length)}: ${names} ${away.length === 1 ? "doesn't" : "don't"}, and ${
      spare(there, voting.length)
    }`,
    `See whether its daemon and its etcd run (STATE/cluster/etcd.log there), and to TCP port 2479; if it is gone for ` +
      `good: netsvc host rm`,
  )];
}

function spare(there: number, of: number): string {
  if (there * 2 <= of) return "the store answers all the same";
  const more = there - (Math.floor(of / 2) + 1);
  return more === 0 ? "if one more fails there is no majority" : `${more} more may fail`;
}

/** Certificates are renewed when a third of their year is left; with less than this left something is in the way. */
const OLD_MS = 90 * 86_400_000;

/** Certificates that should have been renewed. */
export function certificateTroubles(
  hosts: readonly { name: string; until: number }[],
  now: number,
): Trouble[] {
  return hosts.filter(({ until }) => until > 0 && until - now < OLD_MS).map(({ name, until }) => {
    const day = new Date(until).toISOString().slice(0, 10);
    return until < now
      ? problem(
        `The certificate of host ${name} ended on ${day}`,
        `Look at its clock; if that is right: netsvc cluster leave -f there, and join anew`,
      )
      : warning(
        `The certificate of host ${name} ends on ${day}, and should have been renewed by now`,
        `See whether its daemon runs and reaches the store, and what its log says`,
      );
  });
}

/** What one host could do as a voter. */
export interface CouldVote {
  name: string;
  /** Version of its etcd; absent where it says none. */
  etcd?: string;
}

/** Hosts that are to vote and can't, for want of an etcd. */
export function voteTroubles(hosts: readonly CouldVote[], voters: number): Trouble[] {
  const wanted = votersOf(hosts.length);
  if (voters === 0 || voters >= wanted) return [];
  const without = hosts.filter(({ etcd }) => etcd === undefined).map(({ name }) => name);
  // Those with an etcd get their votes by themselves.
  if (hosts.length - without.length >= wanted || without.length === 0) return [];
  return [warning(
    `${voters} of ${wanted} hosts that should vote do, since ${
      without.join(", ")
    } can't: no etcd that could be ` +
      `started is there`,
    `Install one there: apt-get install etcd-server; it votes by itself soon after`,
  )];
}

/** Hosts that have been asked to vote, and don't yet. */
export function learnerTroubles(names: readonly string[]): Trouble[] {
  if (names.length === 0) return [];
  return [warning(
    `${names.join(", ")} ${names.length === 1 ? "is" : "are"} to vote, and can't yet`,
    "This passes within seconds; if it doesn't, the log of the daemon there and the end of STATE/cluster/etcd.log say why",
  )];
}

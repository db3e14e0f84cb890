/**
 * Decides which daemon owns the links of a network namespace and the namespaces of a run directory. A
 * daemon with another state directory knows none of them, and would remove what serves running containers
 * as leftovers that "belong to nothing". Pure.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/** Identifies a daemon's state. */
export interface Owner {
  /** The host's id in the state, 64 hex digits; empty: no state exists yet. */
  state: string;
  /** Absolute paths. */
  stateDir: string;
  runDir: string;
}

/** The note that a daemon leaves about its network namespace. */
export interface Note extends Owner {
  /** Names of links that other daemons own. */
  others: string[];
}

/** What was found in a network namespace. */
export interface Seen {
  /** The last owner's note; `undefined`: no owner yet, or a daemon from before notes were written. */
  note: Note | undefined;
  /** Names of links that any netsvc daemon made. */
  links: string[];
  /** Those of them that lead to containers. */
  serving: ReadonlySet<string>;
  /** Whether the state contains what a link belongs to. */
  knows: (link: string) => boolean;
}

/** The remedy in messages about another daemon's links or containers. */
const TAKE_OVER = "or remove them for good with --take-over";
/** Number of names that a message lists. */
const SHOWN = 3;

function shown(names: string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** The command line that starts the daemon of another state. */
function startOf({ stateDir, runDir }: Owner, me: Owner): string {
  return [
    ...stateDir === me.stateDir ? [] : [`--state-dir ${stateDir}`],
    ...runDir === me.runDir ? [] : [`--run-dir ${runDir}`],
  ].join(" ");
}

function refusal(what: string, owner: Owner | undefined, me: Owner): NetsvcError {
  if (!owner) {
    return new NetsvcError(
      "in_use",
      `${what} that the state in "${me.stateDir}" doesn't know; start with the --state-dir that ` +
        `they were made with, ${TAKE_OVER}`,
    );
  }
  if (owner.stateDir === me.stateDir) {
    return new NetsvcError(
      "in_use",
      `${what} of another state, which was in "${owner.stateDir}" before; put that back, ` +
        TAKE_OVER,
    );
  }
  return new NetsvcError(
    "in_use",
    `${what} of the state directory "${owner.stateDir}", not of "${me.stateDir}"; start with ` +
      `${startOf(owner, me)}, ${TAKE_OVER}`,
  );
}

/**
 * Which links a daemon must leave alone. A link that it doesn't know is its own leftover only if it was
 * the last owner of the namespace.
 *
 * @throws {NetsvcError} `in_use` if links of another daemon lead to containers
 */
export function judgeLinks(me: Owner, { note, links, serving, knows }: Seen): string[] {
  if (note && note.state === me.state) return links.filter((link) => note.others.includes(link));
  const unknown = links.filter((link) => !knows(link));
  // This state owned the namespace before daemons wrote notes: it knows some of the links.
  if (!note && unknown.length < links.length) return [];
  const inUse = unknown.filter((link) => serving.has(link));
  if (inUse.length > 0) {
    throw refusal(`This network namespace has links to containers (${shown(inUse)})`, note, me);
  }
  // The same state directory with a new state: its earlier bridges have no owner any more.
  return note?.stateDir === me.stateDir ? [] : unknown;
}

/** What was found in a run directory. */
export interface RunDirSeen {
  owner: Owner | undefined;
  /** Ids of containers with a living namespace. */
  living: string[];
  knows: (id: string) => boolean;
}

/**
 * Refuses a run directory whose containers belong to another daemon.
 *
 * @param owner as its note says
 * @param living ids of containers with a living namespace in the run directory
 * @throws {NetsvcError} `in_use`
 */
export function judgeRunDir(
  me: Owner,
  { owner, living, knows }: RunDirSeen,
): void {
  if (owner?.state === me.state) return;
  const unknown = living.filter((id) => !knows(id));
  if (unknown.length === 0 || (!owner && unknown.length < living.length)) return;
  const ids = shown(unknown.map((id) => id.slice(0, 12)));
  throw refusal(`The run directory "${me.runDir}" has containers (${ids})`, owner, me);
}

/** Refuses a state whose containers live in another run directory. @throws {NetsvcError} `in_use` */
export function judgeState(
  me: Owner,
  { runDir, living }: { runDir: string | undefined; living: string[] },
): void {
  if (runDir === undefined || runDir === me.runDir || living.length === 0) return;
  throw new NetsvcError(
    "in_use",
    `The containers of the state directory "${me.stateDir}" live in the run directory ` +
      `"${runDir}", not in "${me.runDir}"; start with --run-dir ${runDir}, or give them up with ` +
      `--take-over`,
  );
}

/**
 * Whose the links of a network namespace and the namespaces of a run directory are. A daemon with
 * another state directory knows none of them, and would take apart what serves running containers as
 * something that "belongs to nothing". Pure.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/** A state, by what it is known by. */
export interface Owner {
  /** The host's id in it, 64 hex digits; empty: there is no state yet. */
  state: string;
  /** Absolute paths. */
  stateDir: string;
  runDir: string;
}

/** What is noted of a network namespace. */
export interface Note extends Owner {
  /** Names of links that aren't this owner's. */
  others: string[];
}

/** What there is in a network namespace. */
export interface Seen {
  /** The owner that was noted last; `undefined`: none was, or by a daemon that took no notes. */
  note: Note | undefined;
  /** Names of links that some daemon of netsvc made. */
  links: string[];
  /** Those of them that lead to containers. */
  serving: ReadonlySet<string>;
  /** Whether the state has what such a link belongs to. */
  knows: (link: string) => boolean;
}

/** How a user comes to what belongs to another. */
const TAKE_OVER = "or remove them for good with --take-over";
/** Names that a message shows. */
const SHOWN = 3;

function shown(names: string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** How the daemon of another state is started. */
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
 * Which links a daemon has to leave alone. What it doesn't know is its own leftover only where it is
 * the one who worked there last.
 *
 * @throws {NetsvcError} `in_use` where links of another lead to containers
 */
export function judgeLinks(me: Owner, { note, links, serving, knows }: Seen): string[] {
  if (note && note.state === me.state) return links.filter((link) => note.others.includes(link));
  const unknown = links.filter((link) => !knows(link));
  // The state that was here before daemons took notes.
  if (!note && unknown.length < links.length) return [];
  const inUse = unknown.filter((link) => serving.has(link));
  if (inUse.length > 0) {
    throw refusal(`This network namespace has links to containers (${shown(inUse)})`, note, me);
  }
  // The bridges of a state directory that is gone have no owner.
  return note?.stateDir === me.stateDir ? [] : unknown;
}

/** What there is in a run directory. */
export interface RunDirSeen {
  owner: Owner | undefined;
  /** Ids of containers whose namespaces live. */
  living: string[];
  knows: (id: string) => boolean;
}

/**
 * Refuses a run directory whose containers are another's.
 *
 * @param owner as noted there
 * @param living ids of what has its namespace there
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

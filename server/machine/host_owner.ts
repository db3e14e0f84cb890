/**
 * Looks whose this host's links and namespaces are, and notes that they are this daemon's: see
 * `ownership.ts`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { existsSync } from "node:fs";
import { isNetsvcs } from "../../drivers/bridge/reconcile.ts";
import { Links } from "../../drivers/links/links.ts";
import { VETH_PREFIX } from "../../drivers/links/names.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { namespaceNote } from "../../lib/linux/processes/host_claim.ts";
import { judgeLinks, judgeRunDir, judgeState, type Note, type Owner } from "./ownership.ts";
import { NamespaceStore } from "../sandbox/netns.ts";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "daemon"]);

/** Who wants to work on a host, and what he knows of it. */
export interface Claimant extends Owner {
  knowsLink: (name: string) => boolean;
  knowsContainer: (id: string) => boolean;
  /** Where its containers lived last. */
  formerRunDir?: string;
  /** Takes what is another's for its own leftovers. */
  takeOver: boolean;
}

/** The largest note that is read, in bytes: a name of 15 bytes for each of thousands of links. */
const MAX_NOTE = 1 << 20;

/** A note, of whatever is written there; a crash may have left half of one. */
function parseNote(text: string): Note | undefined {
  try {
    const { state, stateDir, runDir, others = [] } = JSON.parse(text);
    const right = [state, stateDir, runDir, ...others].every((part) => typeof part === "string");
    return right ? { state, stateDir, runDir, others } : undefined;
  } catch {
    return undefined;
  }
}

function readNote(path: string): Note | undefined {
  try {
    if (Deno.statSync(path).size <= MAX_NOTE) return parseNote(Deno.readTextFileSync(path));
  } catch {
    // Nobody's, or that of a daemon that took no notes.
  }
  return undefined;
}

/** The ids of containers that have a living namespace under a run directory. */
async function living(runDir: string): Promise<string[]> {
  if (!existsSync(`${runDir}/netns`)) return [];
  const store = await NamespaceStore.open(runDir);
  return store.list().filter((id) => store.alive(id));
}

/**
 * Looks, and changes nothing.
 *
 * @returns names of links that are to be left alone
 * @throws {NetsvcError} `in_use` where containers of another would lose their network
 */
export async function lookForOwner(runner: Runner, me: Claimant): Promise<string[]> {
  if (me.takeOver) return [];
  const all = (await new Links(runner).list()).filter(isNetsvcs).map(({ ifname }) => ifname);
  const leave = judgeLinks(me, {
    note: readNote(namespaceNote()),
    links: all,
    serving: new Set(all.filter((name) => name.startsWith(VETH_PREFIX))),
    knows: me.knowsLink,
  });
  judgeRunDir(me, {
    owner: readNote(`${me.runDir}/owner`),
    living: await living(me.runDir),
    knows: me.knowsContainer,
  });
  const { formerRunDir } = me;
  if (formerRunDir !== undefined && formerRunDir !== me.runDir) {
    judgeState(me, {
      runDir: formerRunDir,
      living: (await living(formerRunDir)).filter(me.knowsContainer),
    });
  }
  return leave;
}

/** Notes that the host is this daemon's, all but the links of others. */
export function noteOwner({ state, stateDir, runDir }: Owner, others: string[]): void {
  for (const path of [`${runDir}/owner`, namespaceNote()]) {
    try {
      const note: Note = { state, stateDir, runDir, others };
      Deno.writeTextFileSync(path, JSON.stringify(note), { mode: 0o600 });
    } catch (error) {
      // What its state knows is this daemon's without a note, too.
      log.warn('Cannot note in "{path}" whose this host is: {cause}', {
        path,
        cause: errorChain(error)[0],
      });
    }
  }
}

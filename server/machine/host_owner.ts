/**
 * Finds out which daemon owns this host's links and namespaces, and records this daemon as the owner: see
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

/** A daemon that claims a host, and what its state knows of the host. */
export interface Claimant extends Owner {
  knowsLink: (name: string) => boolean;
  knowsContainer: (id: string) => boolean;
  /** The run directory that its containers used last. */
  formerRunDir?: string;
  /** Treats another daemon's links and namespaces as its own leftovers. */
  takeOver: boolean;
}

/** Size limit of a note, in bytes: enough for thousands of links with names of 15 bytes. */
const MAX_NOTE = 1 << 20;

/** Parses a note; `undefined` for invalid text: a crash may have left half a note. */
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
    // No owner, or a daemon from before notes were written.
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
 * Checks for another owner, without changing anything.
 *
 * @returns names of links that this daemon must leave alone
 * @throws {NetsvcError} `in_use` if containers of another daemon would lose their network
 */
export async function lookForOwner(runner: Runner, me: Claimant): Promise<string[]> {
  if (me.takeOver) return [];
  const all = new Links(runner).dump().filter(isNetsvcs).map(({ ifname }) => ifname);
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

/** Records this daemon as the owner of the host, except for the links in `others`. */
export function noteOwner({ state, stateDir, runDir }: Owner, others: string[]): void {
  for (const path of [`${runDir}/owner`, namespaceNote()]) {
    try {
      const note: Note = { state, stateDir, runDir, others };
      Deno.writeTextFileSync(path, JSON.stringify(note), { mode: 0o600 });
    } catch (error) {
      // Without a note this daemon still owns whatever its state knows.
      log.warn('Cannot note in "{path}" whose this host is: {cause}', {
        path,
        cause: errorChain(error)[0],
      });
    }
  }
}

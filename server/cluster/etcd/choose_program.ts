/**
 * Which etcd is started on this host's data. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { EtcdProgram } from "./program.ts";
import { cannotReadLog, isSameMinor, type Version, whyNoUpgrade } from "./version.ts";

/** What there is to choose from. */
export interface Programs {
  /** What has run on the data last; `undefined` where there is none. */
  last: Version | undefined;
  /** The machine's, or that of `--etcd`; an error: there is none. */
  installed: EtcdProgram | Error;
  /** The copy of what has run. */
  kept: EtcdProgram | undefined;
  /** The data was prepared for another minor version. */
  upgrade: boolean;
}

/** What is started. */
export interface ChosenProgram {
  program: EtcdProgram;
  /** Another minor version takes the data over unprepared: a copy of it is to be made before. */
  save: boolean;
}

/** @throws {NetsvcError} `unsupported` where none may be started, with what to do */
export function chooseProgram({ last, installed, kept, upgrade }: Programs): ChosenProgram {
  const fitting = last && kept && isSameMinor(last, kept.version) ? kept : undefined;
  if (installed instanceof Error) {
    if (fitting && !upgrade) return { program: fitting, save: false };
    throw installed;
  }
  if (!last || isSameMinor(last, installed.version)) return { program: installed, save: false };
  const impossible = whyNoUpgrade(last, installed.version);
  if (upgrade && impossible === undefined) return { program: installed, save: false };
  if (fitting && !upgrade) return { program: fitting, save: false };
  const why = impossible ?? whyUnread(last, installed.version);
  if (why === undefined) return { program: installed, save: true };
  throw new NetsvcError("unsupported", `Can't start "${installed.path}": ${why}`);
}

/** Why a log that wasn't prepared can't be taken over. */
function whyUnread(from: Version, to: Version): string | undefined {
  if (!cannotReadLog(to, from)) return undefined;
  const minor = `${from[0]}.${from[1]}`;
  return `etcd ${to.join(".")} may not be able to read the log that ${from.join(".")} has left; ` +
    `start the daemon with --etcd PATH of an etcd ${minor}, then without, and say "netsvc cluster upgrade"`;
}

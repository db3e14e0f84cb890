/**
 * The process of this host's etcd: started in a session of its own so that it outlives the daemon, found again by a
 * later one. Which process it is stands in a file beside its data.
 *
 * @module
 */
import { atMost } from "../../../lib/async/deadline.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { readFileSync } from "../../../lib/linux/libc.ts";
import { startChild } from "../../../lib/linux/processes/child.ts";
import { type End, reap } from "../../../lib/linux/processes/reap.ts";
import {
  identify,
  isRunning,
  type ProcessIdentity,
  signal,
  SIGNALS,
} from "../../../lib/linux/processes/process_table.ts";
import { UNSUPPORTED_ARCH } from "./program.ts";
import { linesSince, sizeOf } from "./said_since.ts";

/** Time that it may take to end by itself, in milliseconds, before it is killed; what is acknowledged is on disk. */
const END_MS = 5_000;
/** Time that the kernel may take to end it, in milliseconds. */
const KILL_MS = 10_000;
const POLL_MS = 20;
/** Time that it may take to know how one ended, in milliseconds. */
const REAPED_MS = 1_000;

/** What is known of a process that was started. */
export interface Started {
  process: ProcessIdentity;
  path: string;
  /** Of the program's file when it was started. */
  identity: string;
  version: string;
  /** Fingerprint of what it reads at its start alone. */
  fingerprint: string;
  /** Length of the log when it was started, in bytes: what is behind it, this process has said. */
  logged: number;
}

/** What {@linkcode EtcdProcess} works with. */
export interface EtcdProcessPaths {
  /** Of the database. */
  data: string;
  log: string;
  /** Says which process it is. */
  record: string;
}

/** Starts, finds and ends the process. */
export class EtcdProcess {
  readonly #paths: EtcdProcessPaths;
  /** What this daemon has started. */
  #child: Deno.ChildProcess | undefined;

  constructor(paths: EtcdProcessPaths) {
    this.#paths = paths;
  }

  /** What runs; `undefined` where nothing does. */
  running(): Started | undefined {
    const known = this.#read();
    if (known && isRunning(known.process)) return known;
    // A daemon that died just after it had started one left no record of it.
    const process = startedWith(`${this.#paths.record}.pid`, `--data-dir=${this.#paths.data}`);
    if (!process) return undefined;
    const found = { process, path: "", identity: "", version: "", fingerprint: "", logged: 0 };
    try {
      this.#write(found);
    } catch {
      // The disk may be full: it is found as now.
    }
    return found;
  }

  /** Starts it. To be called only while it doesn't run. */
  start(what: Omit<Started, "process" | "logged">, argv: string[]): Started {
    const logged = sizeOf(this.#paths.log);
    // The shell becomes the program; what it says goes to the file itself, with or without a daemon.
    const child = startChild("setsid", {
      args: ["sh", "-c", 'echo $$ > "$1"; log=$2; shift 2; exec "$@" >> "$log" 2>&1', "sh"].concat(
        `${this.#paths.record}.pid`,
        this.#paths.log,
        what.path,
        argv,
      ),
      stdin: "null",
      stdout: "null",
      stderr: "null",
      env: UNSUPPORTED_ARCH,
    });
    child.status.catch(() => {}); // Reaps it.
    this.#child = child;
    const process = identify(child.pid);
    if (!process) {
      throw new NetsvcError("internal", `"${what.path}" ended as soon as it was started`);
    }
    const started = { ...what, process, logged };
    try {
      this.#write(started);
    } catch (error) {
      // The disk may be full: one that nobody knows of would be in the next one's way.
      signal(process.pid, SIGNALS["SIGKILL"]!);
      throw error;
    }
    return started;
  }

  /** How the last one ended; `undefined` where an earlier daemon had started it. */
  async end(): Promise<End | undefined> {
    const pid = this.#read()?.process.pid;
    if (pid === undefined) return undefined;
    const child = this.#child;
    // Also one that was started before the daemon began again is its child.
    return child?.pid === pid ? await atMost(child.status, REAPED_MS) : reap(pid);
  }

  /** The last lines that the last one has said. */
  words(): string[] {
    return linesSince(this.#paths.log, this.#read()?.logged ?? 0);
  }

  /** Ends it and waits until it is gone; harmless where nothing runs. */
  async stop(): Promise<void> {
    const found = this.running();
    if (!found) return;
    const { process } = found;
    for (const [name, ms] of [["SIGTERM", END_MS], ["SIGKILL", KILL_MS]] as const) {
      if (isRunning(process)) signal(process.pid, SIGNALS[name]!);
      const end = Date.now() + ms;
      while (Date.now() < end) {
        if (!isRunning(process)) return void await this.end();
        await sleep(POLL_MS);
      }
    }
    throw new NetsvcError("timeout", `The etcd with process id ${process.pid} can't be ended`);
  }

  #read(): Started | undefined {
    try {
      const text = Deno.readTextFileSync(this.#paths.record);
      const { process, path, identity, version, fingerprint, logged } = JSON.parse(text);
      const { pid, start, boot } = process;
      const texts = [start, boot, path, identity, version, fingerprint];
      if (!Number.isSafeInteger(pid) || texts.some((one) => typeof one !== "string")) return;
      const from = Number.isSafeInteger(logged) && logged > 0 ? logged : 0;
      return { process: { pid, start, boot }, path, identity, version, fingerprint, logged: from };
    } catch {
      return undefined;
    }
  }

  #write(started: Started): void {
    const { record } = this.#paths;
    Deno.writeTextFileSync(`${record}.new`, JSON.stringify(started), { mode: 0o600 });
    Deno.renameSync(`${record}.new`, record);
  }
}

/** The process that the shell has noted before it became etcd, if it has a word in its command line. */
function startedWith(file: string, word: string): ProcessIdentity | undefined {
  try {
    const pid = Number(Deno.readTextFileSync(file).trim());
    const process = Number.isSafeInteger(pid) ? identify(pid) : undefined;
    // A shell that is about to become it has the word, too.
    const words = process && readFileSync(`/proc/${pid}/cmdline`).split("\0");
    return words?.includes(word) ? process : undefined;
  } catch {
    return undefined; // It was never started, or has ended.
  }
}

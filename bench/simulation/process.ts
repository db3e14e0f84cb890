/**
 * A simulated daemon's process, with what the kernel says of it.
 *
 * @module
 */
import { Client } from "../../cli/client/client.ts";
import { readFileSync } from "../../lib/linux/libc.ts";
import { spawn } from "../../tests/harness/command.ts";
import type { DaemonReport, SimulatedDaemon } from "./daemon.ts";

const PROGRAM = new URL("./daemon.ts", import.meta.url).pathname;
/** Ticks of proc_pid_stat(5) per second: the same on every Linux. */
const TICKS = 100;
/** A daemon may take this long to serve when all start at once, in milliseconds. */
const START_MS = 300_000;
/** Of a log that is kept, in characters. */
const MAX_LOG = 65_536;

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+)/m)?.[1]) / 1024;
}

/** Processor time that a process has used, all threads, in milliseconds. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS;
}

/** A daemon. */
export class DaemonProcess implements AsyncDisposable {
  readonly settings: SimulatedDaemon;
  readonly client: Client;
  #child: Deno.ChildProcess | undefined;
  #replies: ReadableStreamDefaultReader<string> | undefined;
  #rest = "";
  #log = "";

  constructor(settings: SimulatedDaemon) {
    this.settings = settings;
    this.client = new Client({ host: `unix://${settings.directory}/n.sock` });
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** Starts it; returns the time until it serves, in milliseconds. */
  async start(): Promise<number> {
    const begun = performance.now();
    const child = spawn([
      ...[Deno.execPath(), "run", "-A", "--no-check", "--v8-flags=--expose-gc", PROGRAM],
      JSON.stringify(this.settings),
    ], { stdin: "piped", stdout: "piped", stderr: "piped" });
    this.#child = child;
    this.#log = "";
    this.#replies = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { promise: serving, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error("It doesn't serve")), START_MS);
    (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        this.#log = (this.#log + text).slice(-MAX_LOG);
        if (/daemon: netsvc \S+ serves /.test(this.#log)) resolve();
      }
      reject(new Error(`${this.settings.hostName} ended:\n${this.#log}`));
    })();
    try {
      await serving;
    } finally {
      clearTimeout(timer);
    }
    return performance.now() - begun;
  }

  /** Asks what it has seen; `collect` has its garbage collected first. */
  async report(collect = false): Promise<DaemonReport> {
    const writer = this.#child!.stdin.getWriter();
    await writer.write(new TextEncoder().encode(collect ? "collect\n" : "\n"));
    writer.releaseLock();
    while (true) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return JSON.parse(line) as DaemonReport;
      }
      const { value, done } = await this.#replies!.read();
      if (done) throw new Error(`${this.settings.hostName} ended:\n${this.#log}`);
      this.#rest += value;
    }
  }

  /** The last part of what it logged. */
  get log(): string {
    return this.#log;
  }

  /** Ends it; what it keeps stays. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    await child.stdin.close().catch(() => {});
    await this.#replies?.cancel().catch(() => {});
    child.kill("SIGKILL");
    await child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.stop();
  }
}

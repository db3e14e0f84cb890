/**
 * One simulated daemon: `netsvc -d` itself, on a machine without a kernel. Lines on its standard
 * input ask for what it has seen.
 *
 * @module
 */
import { runDaemon } from "../../server/boot/daemon.ts";
import { DEFAULT_SETTINGS } from "../../lib/api/settings/settings.ts";
import { PeerLog, type Seen, simulatedMachine } from "./machine.ts";

/** Settings, as JSON in the first argument. */
export interface SimulatedDaemon {
  directory: string;
  kvStore: string;
  hostName: string;
  address: string;
  /** Containers whose sandboxes are there from before. */
  containers: string[];
}

/** The answer to a line. */
export interface DaemonReport {
  seen: Seen;
  gone: Seen;
  rounds: number;
  /** In bytes; after a collection where the line asks for one. */
  heap: number;
}

async function answer(log: PeerLog): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const line of lines) {
    if (line.includes("collect")) (globalThis as { gc?: () => void }).gc?.();
    const report: DaemonReport = {
      seen: log.seen,
      gone: log.takeGone(),
      rounds: log.rounds,
      heap: Deno.memoryUsage().heapUsed,
    };
    console.log(JSON.stringify(report));
  }
  Deno.exit(0); // Whoever started it is gone.
}

if (import.meta.main) {
  const settings = JSON.parse(Deno.args[0]!) as SimulatedDaemon;
  const { directory, kvStore, hostName, address, containers } = settings;
  const log = new PeerLog();
  answer(log);
  await runDaemon({
    ...DEFAULT_SETTINGS,
    hosts: [`unix://${directory}/n.sock`],
    stateDir: `${directory}/state`,
    runDir: `${directory}/run`,
    kvStore,
    hostName,
  }, () => Promise.resolve(simulatedMachine(address, log, new Set(containers))));
  Deno.exit(0);
}

/**
 * The daemon: opens its stores and the host, wires the parts, starts them in an order in which nothing is
 * served before it is correct, and stops them without disturbing containers.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { DaemonSettings } from "../../lib/api/settings/settings.ts";
import { beginAgain } from "../../lib/linux/processes/begin_again.ts";
import { findProgram, installHint } from "../../lib/linux/tools/tools.ts";
import { linuxMachine } from "../machine/linux_machine.ts";
import { openBoot, type OpenMachine } from "./boot.ts";
import { openHost } from "./open/host.ts";
import { startLogging } from "./logging.ts";
import { planStart } from "./open/plan.ts";
import { startRounds } from "./rounds.ts";
import { serve } from "./serve.ts";
import { stopSignal } from "./stop_signal.ts";
import { openStores } from "./open/stores.ts";
import { wire } from "./wire.ts";

const log = getLogger(["netsvc", "daemon"]);

/** Why a daemon stops that begins again. */
const AGAIN = "a change of the cluster";
/** Programs that every network needs. */
const NEEDED_TOOLS = ["ip", "bridge", "nft"];

/**
 * Runs the daemon until a signal stops it. One that has made, joined or left a cluster begins again, in the same
 * process.
 *
 * @throws {NetsvcError} when it can't start
 */
export async function runDaemon(
  settings: DaemonSettings,
  openMachine: OpenMachine = linuxMachine,
): Promise<void> {
  if (await runOnce(settings, openMachine) === AGAIN) beginAgain();
}

/** @returns the signal, or {@linkcode AGAIN} */
async function runOnce(settings: DaemonSettings, openMachine: OpenMachine): Promise<string> {
  Deno.umask(0o077); // Files are private to this user unless their mode is set.
  await startLogging(settings.logLevel);
  const started = performance.now();
  await using boot = await openBoot(await planStart(settings), openMachine);
  const stores = await openStores(boot);
  const host = await openHost(boot, stores);
  const parts = await wire(boot, { stores, host });
  const rounds = await startRounds(boot, parts);
  const api = await serve(boot, parts);
  rounds.begin();
  log.info("netsvc {version} serves {hosts}, started in {ms} ms", {
    version: boot.plan.version.version,
    hosts: settings.hosts.join(", "),
    ms: Math.round(performance.now() - started),
  });
  const missing = NEEDED_TOOLS.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    log.error("Started, but can't make networks: there is no {missing}. {remedies}", {
      missing: missing.join(", "),
      remedies: [...new Set(missing.map(installHint))].join("; "),
    });
  }
  const again = boot.restart.promise.then(() => AGAIN);
  const signal = await Promise.race([stopSignal(() => api.renew()), again]);
  log.info("Stopping after {signal}; containers stay connected", { signal });
  return signal;
}

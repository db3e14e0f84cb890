/**
 * `netsvc -d`: modules of the daemon, which the executable loads for it alone.
 *
 * @module
 */
import { bindWhenUsed } from "../lib/linux/libc.ts";
import { runDaemon } from "../server/boot/daemon.ts";
import { daemonSettings, type GivenSettings } from "./options/settings.ts";

/**
 * Runs the daemon until it ends.
 *
 * @param given settings of the command line, by their long names
 * @param config path of a file with more of them
 * @throws {NetsvcError} about a wrong setting
 */
export async function startDaemon(given: GivenSettings, config?: string): Promise<void> {
  bindWhenUsed();
  await runDaemon(await daemonSettings(given, config));
}

/**
 * `netsvc -d`: what only the daemon needs, which the executable loads for nobody else.
 *
 * @module
 */
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
  await runDaemon(daemonSettings(given, config));
}

/**
 * A daemon that is started step by step on a machine without a kernel, in this process.
 *
 * @module
 */
import { PeerLog, simulatedMachine } from "../../bench/simulation/machine.ts";
import { DEFAULT_SETTINGS } from "../../lib/api/settings/settings.ts";
import type { DaemonSettings } from "../../lib/api/settings/settings.ts";
import { type Boot, openBoot } from "../../server/boot/boot.ts";
import { planStart } from "../../server/boot/open/plan.ts";
import type { Machine } from "../../server/machine/machine.ts";

/** Directories of a daemon, and what is done to its machine. */
export interface BootSubject extends Disposable {
  readonly settings: DaemonSettings;
  /** What the machine is asked for, in order. */
  readonly calls: string[];
  /** Containers whose namespaces there are. */
  readonly namespaces: Set<string>;
  /** Called with each step that the machine is asked for; what it throws is the machine's failure. */
  on: (call: string) => void;
  boot(settings?: Partial<DaemonSettings>): Promise<Boot & AsyncDisposable>;
}

/** Makes one. */
export function bootSubject(): BootSubject {
  const directory = Deno.makeTempDirSync({ prefix: "netsvc-boot-" });
  Deno.mkdirSync(`${directory}/run`);
  const calls: string[] = [];
  const namespaces = new Set<string>();
  const subject: BootSubject = {
    settings: {
      ...DEFAULT_SETTINGS,
      hosts: [`unix://${directory}/api.sock`],
      stateDir: `${directory}/state`,
      runDir: `${directory}/run`,
      hostName: "one",
      dockerSocket: `${directory}/no-docker.sock`,
    },
    calls,
    namespaces,
    on: () => {},
    boot: async (settings = {}) =>
      await openBoot(
        await planStart({ ...subject.settings, ...settings }),
        () =>
          Promise.resolve(told(namespaces, (call) => {
            calls.push(call);
            subject.on(call);
          })),
      ),
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
  return subject;
}

/** A simulated machine that tells what it is asked for. */
function told(namespaces: Set<string>, tell: (call: string) => void): Machine {
  const machine = simulatedMachine("192.0.2.1", new PeerLog(), namespaces);
  const bridge = machine.drivers.get("bridge")!;
  return {
    ...machine,
    drivers: new Map([...machine.drivers, ["bridge", {
      ...bridge,
      reconcile: async (desired) => {
        tell("reconcile");
        return await bridge.reconcile(desired);
      },
    }]]),
    refuseOthers: async (claimant) => {
      tell("refuseOthers");
      await machine.refuseOthers(claimant);
    },
    claim: async (claimant) => {
      tell(`claim${claimant.formerRunDir === undefined ? "" : ` after ${claimant.formerRunDir}`}`);
      const { namespaces } = await machine.claim(claimant);
      return { namespaces, [Symbol.dispose]: () => tell("release") };
    },
  };
}

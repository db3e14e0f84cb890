/**
 * Containers' controllers on a store of their own: sandboxes are names, processes are what a test says.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { PublishedPort } from "../../lib/api/types.ts";
import type { ProcessIdentity } from "../../lib/linux/processes/process_table.ts";
import { AdoptedContainers } from "../../server/controllers/adopted/adopted.ts";
import { Containers } from "../../server/controllers/containers/containers.ts";
import type { ForeignContainer } from "../../server/engines/engine.ts";
import type { Engines } from "../../server/engines/engines.ts";
import type { ContainerRecord } from "../../server/model/container.ts";
import type { Sandboxes } from "../../server/sandbox/sandboxes.ts";
import { type ControllerSubject, controllerSubject } from "./controllers.ts";

/** A process that ended long ago. */
export const ENDED: ProcessIdentity = { pid: 2 ** 22 - 1, start: "0", boot: "none" };

/** See the module. */
export interface ContainerSubject extends ControllerSubject {
  containers: Containers;
  adopted: AdoptedContainers;
  /** What sandboxes were told, in order. */
  calls: string[];
  /** Called first; what it throws is the sandbox's failure. */
  on: (call: string) => void | Promise<void>;
  /** Containers whose namespaces there are. */
  namespaces: Set<string>;
  /** Containers whose processes live, and exit codes of those that have ended. */
  running: Map<string, ProcessIdentity>;
  exitCodes: Map<string, number>;
  /** Ports that are held, by container. */
  ports: Map<string, PublishedPort[]>;
  /** Calls what watches the process of a container. */
  ends: Map<number, () => void>;
  /** Containers that engines know, by reference. */
  engines: Map<string, ForeignContainer>;
}

/** Makes one, with the network `bridge`. */
export async function containerSubject(): Promise<ContainerSubject> {
  const base = await controllerSubject();
  const { context, services, attachments } = base;
  const calls: string[] = [];
  const namespaces = new Set<string>();
  const running = new Map<string, ProcessIdentity>();
  const exitCodes = new Map<string, number>();
  const ports = new Map<string, PublishedPort[]>();
  const ends = new Map<number, () => void>();
  const engines = new Map<string, ForeignContainer>();
  const call = async (what: string) => {
    calls.push(what);
    await subject.on(what);
  };
  const open = (what: string) => async ({ id }: ContainerRecord) => {
    await call(what);
    namespaces.add(id);
  };
  const sandboxes = {
    open: open("open"),
    reopen: open("reopen"),
    pin: open("pin"),
    equip: () => call("equip"),
    close: async ({ id }: ContainerRecord, forget: boolean) => {
      await call(forget ? "forget" : "close");
      namespaces.delete(id);
    },
    adoptedFiles: { nameservers: () => Promise.resolve([]), written: () => Promise.resolve() },
    processes: {
      running: ({ id }: ContainerRecord) => running.get(id),
      exitCode: (id: string) => exitCodes.get(id),
    },
  } as unknown as Sandboxes;
  Object.assign(context, {
    namespaces: {
      path: (id: string) => `/nowhere/${id}`,
      alive: (id: string) => namespaces.has(id),
    },
    exits: { watch: ({ pid }: ProcessIdentity, ended: () => void) => ends.set(pid, ended) },
    ports: {
      hold: (id: string, wanted: PublishedPort[]) => {
        const taken = [...ports].some(([other, held]) =>
          other !== id && held.some((port) => wanted.some((one) => one.hostPort === port.hostPort))
        );
        if (taken) throw new NetsvcError("in_use", "a program of this host uses it");
        ports.set(id, wanted);
        return wanted;
      },
      release: (id: string) => ports.delete(id),
    },
  });
  await base.networks.create({ name: "bridge", driver: "bridge" });
  const containers = new Containers(context, { services, attachments, sandboxes });
  const adopted = new AdoptedContainers(context, {
    machine: { look: () => Promise.resolve({ links: ["eth7"], hasRoute: true }) },
    engines: { find: (reference: string) => Promise.resolve(engines.get(reference)) } as Engines,
    containers,
    services,
    sandboxes,
  });
  const subject: ContainerSubject = {
    ...base,
    containers,
    adopted,
    calls,
    on: () => {},
    namespaces,
    running,
    exitCodes,
    ports,
    ends,
    engines,
    [Symbol.asyncDispose]: () => base[Symbol.asyncDispose](),
  };
  return subject;
}

/**
 * Wires the controllers.
 *
 * @module
 */
import { AdoptedContainers } from "../../controllers/adopted/adopted.ts";
import { Backends } from "../../controllers/adopted/backends.ts";
import { Desired } from "../../controllers/adopted/desired.ts";
import { EarlyStarts } from "../../controllers/adopted/early_start.ts";
import { Follower } from "../../controllers/adopted/follower.ts";
import { EngineRuns } from "../../controllers/adopted/engine_runs.ts";
import { Containers } from "../../controllers/containers/containers.ts";
import { Processes } from "../../controllers/containers/processes/processes.ts";
import { Restarts } from "../../controllers/containers/restart/restarts.ts";
import type { Context } from "../../controllers/context.ts";
import { Attachments } from "../../controllers/endpoints/attachments.ts";
import { Hosts } from "../../controllers/hosts/hosts.ts";
import { Networks } from "../../controllers/networks/networks.ts";
import { Services } from "../../controllers/services/services.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import { Docker } from "../../engines/docker/docker.ts";
import { Engines } from "../../engines/engines.ts";
import { netnsEngine } from "../../engines/kernel/netns.ts";
import { pidEngine } from "../../engines/kernel/pid.ts";
import { podmanEngine } from "../../engines/podman/podman.ts";
import type { State } from "../../model/state.ts";
import { ContainerLogs } from "../../sandbox/logs/container_logs.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Boot } from "../boot.ts";

export interface Controllers {
  services: Services;
  networks: Networks;
  attachments: Attachments;
  containers: Containers;
  adopted: AdoptedContainers;
  backends: Backends;
  processes: Processes;
  restarts: Restarts;
  hosts: Hosts;
  /** The client of Docker's API. */
  engine: Docker;
  desired: Desired;
  early: EarlyStarts;
  follower: Follower;
  engineRuns: EngineRuns;
}

export interface Controlled {
  context: Context;
  ipams: Ipams;
  sandboxes: Sandboxes;
}

export function wireControllers(boot: Boot, controlled: Controlled): Controllers {
  const { context, ipams, sandboxes } = controlled;
  const { plan: { settings }, machine, stack } = boot;
  const services = new Services(context, ipams);
  const networks = new Networks(context, services, ipams);
  const attachments = new Attachments(context, services, networks);
  const containers = new Containers(context, { services, attachments, sandboxes });
  const engine = stack.use(new Docker(settings.dockerSocket));
  const engines = new Engines([engine, stack.use(podmanEngine())], [pidEngine, netnsEngine]);
  const desired = new Desired(context.state.local);
  const adopted = new AdoptedContainers(context, {
    machine,
    engines,
    containers,
    services,
    sandboxes,
  });
  const { store } = containers;
  const parts = { context, engines, services, attachments, store, adopted, desired };
  const follower = new Follower(parts);
  stack.defer(() => follower.close());
  const early = new EarlyStarts({ engines, ...adopted });
  stack.defer(() => early.close());
  const logs = openLogs(boot, context.state, sandboxes);
  const processes = new Processes(context, { containers, sandboxes, logs });
  return {
    services,
    networks,
    attachments,
    containers,
    adopted,
    backends: new Backends(context, { services, attachments, adopted, desired }),
    processes,
    restarts: new Restarts(context, processes),
    hosts: new Hosts(context, () => context.cluster.membership.self),
    engine,
    desired,
    early,
    follower,
    engineRuns: new EngineRuns({ context, containers, adopted, early, sandboxes }),
  };
}

/** Opens the output of netsvc's own containers. */
function openLogs({ stack }: Boot, state: State, sandboxes: Sandboxes): ContainerLogs {
  const logs = new ContainerLogs({
    path: (id) => sandboxes.processes.logPath(id),
    writing: () =>
      [...state.containers.values()].flatMap(({ record }) =>
        record.state === "running" && record.kind === "own" ? [record.id] : []
      ),
  });
  stack.defer(() => logs.stop());
  logs.start();
  return logs;
}

/**
 * Containers as the API shows them.
 *
 * @module
 */
import type { Container } from "../../../lib/api/types.ts";
import { descend } from "../../../lib/linux/processes/process_table.ts";
import { type ContainerRecord, ifOwn, ownsSandbox, runtimeOf } from "../../model/container.ts";
import type { State } from "../../model/state.ts";
import type { Context } from "../context.ts";
import { restartText } from "./restart/restart_policy.ts";

/** What showing a container needs of the daemon. */
type Known = Pick<Context, "state" | "namespaces">;

/** A record as the API shows it. */
export function showContainer({ state, namespaces }: Known, record: ContainerRecord): Container {
  const { id, name, created, hostname, ports, running } = record;
  const own = ifOwn(record);
  return {
    id,
    ...name !== undefined && { name },
    runtime: runtimeOf(record),
    created,
    state: record.state,
    ...own?.exitCode !== undefined && { exitCode: own.exitCode },
    ...running && { pid: descend(running.pid, 1) ?? running.pid },
    hostname,
    ...ownsSandbox(record) && record.state !== "exited" && { sandbox: namespaces.path(id) },
    networkMode: own?.networkMode ?? "networks",
    services: showServices(state, id),
    ports,
    ...own?.process && { command: own.process.command },
    autoRemove: own?.autoRemove ?? true,
    ...own?.restart && { restart: restartText(own.restart), restarts: own.restarts ?? 0 },
  };
}

/** All containers, by creation. */
export function listContainers(known: Known): Container[] {
  return [...known.state.containers.values()].map(({ record }) => record)
    .sort((a, b) => a.created < b.created ? -1 : a.created > b.created ? 1 : 0)
    .map((record) => showContainer(known, record));
}

function showServices(state: State, container: string): Container["services"] {
  return state.servicesBackedBy(container).map(({ record }) => ({
    id: record.of ?? record.id,
    name: record.name,
    network: state.networks.get(record.network)?.record.name ?? "",
    addresses: record.addresses,
    interface: record.backend!.interface,
  }));
}

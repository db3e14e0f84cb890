/**
 * A container of this host: netsvc's own, or one that another program runs and netsvc has adopted. In the store an
 * adopted one has its particular fields under `foreign`, beside fields that have a meaning for own ones only. Pure.
 *
 * @module
 */
import type { ContainerState, LinkAlias, ProcessSpec, PublishedPort } from "../../lib/api/types.ts";
import type { ProcessIdentity } from "../../lib/linux/processes/process_table.ts";

/** The fields of every container. */
interface ContainerBase {
  id: string;
  name?: string;
  created: string;
  hostname: string;
  state: ContainerState;
  /** Its removal was asked for and has begun; a full disk or a crash only delays the rest. */
  removing?: true;
  /** Network of the container's own service. */
  ownNetwork?: string;
  ports: PublishedPort[];
  running?: ProcessIdentity;
}

/** When a container is started again. */
export interface RestartRecord {
  policy: "always" | "unless-stopped" | "on-failure";
  /** Of `on-failure`: how many times at most. */
  max?: number;
}

/** A container that netsvc made. */
export interface OwnContainer extends ContainerBase {
  kind: "own";
  /** Not yet on all its networks: its creator has no answer, and a crash rolls it back. */
  creating?: true;
  exitCode?: number;
  /** `networks`, `none`: a sandbox of its own; `host`; `container:ID`: another's. */
  networkMode: string;
  process?: ProcessSpec;
  /** RFC 3339: when its process was started last. */
  started?: string;
  autoRemove: boolean;
  restart?: RestartRecord;
  /** How often its policy has started it again since a user did. */
  restarts?: number;
  /** A user has stopped it. */
  stopped?: true;
  /** The signal that stops it, and the seconds until SIGKILL; SIGTERM and 10 unless given. */
  stopSignal?: string;
  stopTimeout?: number;
  /** The services, besides its own, that it backed when it ended. */
  rejoin?: { network: string; name: string; aliases: LinkAlias[] }[];
}

/** What netsvc has to know about a container that another program runs. */
export interface Adoption {
  /** `docker`, `podman`, `pid`, `netns`. */
  runtime: string;
  /** Path of its network namespace. */
  namespace: string;
  /** Links that it had before the adoption: their names are taken. */
  links: string[];
  /** It had its own default route before the adoption, and keeps it. */
  hasRoute: boolean;
  /** Address at which netsvc's resolver listens inside. */
  resolver: string;
  /** Nameservers inside the sandbox that it used before the adoption; its file names the others. */
  upstreams: string[];
  /** Prefix of links inside whose names netsvc chooses; `eth` unless given. */
  prefix?: string;
  /** Its files, at the engine's paths. */
  resolvConfPath?: string;
  hostsPath?: string;
}

/** A container that another program runs, while it is attached or follows a service. */
export interface AdoptedContainer extends ContainerBase, Adoption {
  kind: "adopted";
}

/** A container. */
export type ContainerRecord = OwnContainer | AdoptedContainer;

/** A container in the store. */
export type StoredContainer =
  & Omit<OwnContainer, "kind">
  & { foreign?: Adoption };

/** Fields of a stored adopted container that have a meaning for own ones only. */
const OWN_FIELDS = { networkMode: "networks", autoRemove: true };

/** Reads the store's form. */
export function readContainer({ foreign, ...stored }: StoredContainer): ContainerRecord {
  if (!foreign) return { kind: "own", ...stored };
  const { networkMode: _, autoRemove: __, ...common } = stored;
  return { kind: "adopted", ...common, ...foreign };
}

/** Writes the store's form. */
export function storedContainer(container: ContainerRecord): StoredContainer {
  if (container.kind === "own") {
    const { kind: _, ...stored } = container;
    return stored;
  }
  const { kind: _, runtime, namespace, links, hasRoute, ...rest } = container;
  const { resolver, upstreams, prefix, resolvConfPath, hostsPath, ...common } = rest;
  return {
    ...common,
    ...OWN_FIELDS,
    foreign: {
      runtime,
      namespace,
      links,
      hasRoute,
      resolver,
      upstreams,
      ...prefix !== undefined && { prefix },
      ...resolvConfPath !== undefined && { resolvConfPath },
      ...hostsPath !== undefined && { hostsPath },
    },
  };
}

/** A container if netsvc made it. */
export function ifOwn(container: ContainerRecord | undefined): OwnContainer | undefined {
  return container?.kind === "own" ? container : undefined;
}

/** A container if it is an adopted one. */
export function ifAdopted(container: ContainerRecord | undefined): AdoptedContainer | undefined {
  return container?.kind === "adopted" ? container : undefined;
}

/** The runtime of a container: `netsvc`, or the program that runs it. */
export function runtimeOf(container: ContainerRecord): string {
  return container.kind === "own" ? "netsvc" : container.runtime;
}

/** Whether a container has a network namespace of its own. */
export function ownsSandbox(container: ContainerRecord): boolean {
  return container.kind === "adopted" || ["networks", "none"].includes(container.networkMode);
}

/**
 * Containers that netsvc makes: create, remove, list, and their life as the kernel tells it.
 *
 * @module
 */
import { deadline } from "../../../lib/async/deadline.ts";
import type { Transaction } from "../../../kv/store.ts";
import { containerRecords } from "../../model/repository/containers.ts";
import { followsServices, withoutFollowed } from "../../model/repository/desired.ts";
import {
  type AdoptedContainer,
  type ContainerRecord,
  ifAdopted,
  type OwnContainer,
  ownsSandbox,
  runtimeOf,
} from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { Stored } from "../../model/state.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { checkName, shortId, splitServiceReference } from "../../../lib/api/names.ts";
import type {
  Container,
  CreateContainer,
  LinkAlias,
  PublishedPort,
  Removed,
} from "../../../lib/api/types.ts";
import { namespaceNumber } from "../../../lib/linux/namespaces/namespace_identity.ts";
import { checkRootfs } from "../../sandbox/rootfs.ts";
import { portTarget } from "../endpoints/specs/port_clients.ts";
import { portsClash, type PortTarget, portText } from "../../sandbox/ports/ports.ts";
import {
  descend,
  isRunning,
  type ProcessIdentity,
  signal,
  signalNumber,
  SIGNALS,
} from "../../../lib/linux/processes/process_table.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import { confirmed } from "../confirmed.ts";
import { together } from "../../model/transaction.ts";
import { type Context, decideAndCommit, log, newId, now } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import { findContainer, findNetwork } from "../lookup.ts";
import { parseRestart, restartText } from "./restart_policy.ts";
import { backendContainer, containerLabel, inCase, nameList } from "../labels.ts";
import type { Services } from "../services/services.ts";

/** Exit status of a process that SIGKILL ended, as shells have it. */
const KILLED = 137;
/** How long a killed process may take to be gone, in milliseconds. */
const KILL_DEADLINE_MS = 10_000;
/** Environment variables that env(1) takes as they are. */
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** What a container is to be joined to, decided before anything is made. */
interface Plan {
  mode: string;
  /** Network of a service of the container's own name. */
  own?: string;
  /** Services to publish, where they are not, and to attach. */
  published: { name: string; network: string }[];
}

/** Controller of containers. */
export class Containers {
  readonly #context: Context;
  readonly #services: Services;
  readonly #attachments: Attachments;
  readonly #sandboxes: Sandboxes;
  readonly #starting = new Map<string, Promise<unknown>>();
  /** Containers whose processes are killed since they don't end by themselves. */
  readonly #killed = new Set<string>();
  readonly #making = new Set<string>();
  /** Those whose sandbox is being closed: who doesn't hold their lock must not open it again. */
  readonly #leaving = new Set<string>();

  constructor(
    context: Context,
    services: Services,
    attachments: Attachments,
    sandboxes: Sandboxes,
  ) {
    this.#context = context;
    this.#services = services;
    this.#attachments = attachments;
    this.#sandboxes = sandboxes;
  }

  list(): Container[] {
    return [...this.#context.state.containers.values()].map(({ record }) => record)
      .sort((a, b) => a.created < b.created ? -1 : a.created > b.created ? 1 : 0)
      .map((record) => this.show(record));
  }

  info(reference: string): Container {
    return this.show(this.find(reference).record);
  }

  find(reference: string): Stored<ContainerRecord> {
    return findContainer(this.#context.state, reference);
  }

  /** A record as the API shows it. */
  show(record: ContainerRecord): Container {
    const { id, name, created, state, hostname, ports } = record;
    const made = record.kind === "own" ? record : undefined;
    const own = ownsSandbox(record);
    return {
      id,
      ...name !== undefined && { name },
      runtime: runtimeOf(record),
      created,
      state,
      ...made?.exitCode !== undefined && { exitCode: made.exitCode },
      ...record.running && { pid: descend(record.running.pid, 1) ?? record.running.pid },
      hostname,
      ...own && state !== "exited" && { sandbox: this.#context.namespaces.path(id) },
      networkMode: made?.networkMode ?? "networks",
      services: this.#context.state.servicesBackedBy(id).map(({ record: service }) => ({
        id: service.id,
        name: service.name,
        network: this.#context.state.networks.get(service.network)?.record.name ?? "",
        addresses: service.addresses,
        interface: service.backend!.interface,
      })),
      ports,
      ...made?.process && { command: made.process.command },
      autoRemove: made?.autoRemove ?? true,
      ...made?.restart && {
        restart: restartText(made.restart),
        restarts: made.restarts ?? 0,
      },
    };
  }

  /** Makes a container with its sandbox, on its networks; its process is started later. */
  async create(request: CreateContainer): Promise<Container> {
    await this.#check(request);
    return await this.#confirmed(request, () => this.#create(request));
  }

  /** Does something about a container that is to be joined to networks of a request. */
  #confirmed<T>(request: CreateContainer, action: () => Promise<T>): Promise<T> {
    const { defaultNetwork } = this.#context;
    const { network = defaultNetwork, publishServices = [] } = request;
    const networks = [
      network.startsWith("container:") ? undefined : network,
      ...publishServices.map((service) => splitServiceReference(service).network),
    ];
    return confirmed({ context: this.#context, networks }, action);
  }

  async #create(request: CreateContainer): Promise<Container> {
    const id = newId();
    const plan = await this.#plan(request, id);
    const { gate, locks } = this.#context;
    this.#making.add(id);
    return await locks.container(id, async () => {
      await gate.shared(() => this.#make(id, request, plan));
      const published: string[] = [];
      try {
        await this.#join(id, plan, published);
        await this.#created(id);
      } catch (error) {
        await this.#undoCreate(id, published);
        throw error;
      }
      return this.info(id);
    }).finally(() => this.#making.delete(id));
  }

  /** Which other container has one of the ports, in words. */
  #takenPort(ports: PublishedPort[], id?: string): string | undefined {
    for (const port of ports) {
      for (const { record } of this.#context.state.containers.values()) {
        if (record.id === id || record.state === "exited") continue;
        if (!record.ports.some((other) => portsClash(other, port))) continue;
        return `The port ${portText(port)} is already published by container ` +
          `"${containerLabel(record)}"; choose another host port`;
      }
    }
    return undefined;
  }

  /**
   * Holds a container's ports.
   *
   * @throws {NetsvcError} `in_use`; who has one of them is named, if it is a container
   */
  takePorts(
    id: string,
    ports: PublishedPort[],
    target: PortTarget = portTarget(this.#context, id),
  ): PublishedPort[] {
    try {
      return this.#context.ports.hold(id, ports, target);
    } catch (error) {
      const fixed = ports.filter(({ hostPort, hostPortEnd }) =>
        hostPort !== 0 && hostPortEnd === undefined
      );
      const taken = this.#takenPort(fixed, id);
      throw taken === undefined ? error : new NetsvcError("in_use", taken);
    }
  }

  /** Whether a container is being made at this moment. */
  isMaking(id: string): boolean {
    return this.#making.has(id);
  }

  async #check(request: CreateContainer): Promise<void> {
    if (request.name !== undefined) {
      checkName("container", request.name);
      this.#checkFree(request.name);
    }
    if (request.hostname !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(request.hostname)) {
      throw new NetsvcError(
        "invalid",
        `Invalid host name ${JSON.stringify(request.hostname)}: use 1 to 64 letters, digits, ` +
          `".", "_" and "-"`,
      );
    }
    const ports = request.ports ?? [];
    for (const [i, port] of ports.entries()) {
      if (port.hostPort === 0 || port.hostPortEnd !== undefined) continue;
      if (ports.slice(0, i).some((other) => portsClash(other, port))) {
        throw new NetsvcError(
          "invalid",
          `The port ${portText(port)} is published twice; leave one out`,
        );
      }
      const taken = this.#takenPort([port]);
      if (taken !== undefined) throw new NetsvcError("exists", taken);
    }
    if (request.restart !== undefined && parseRestart(request.restart) && request.autoRemove) {
      throw new NetsvcError(
        "invalid",
        `A container with --rm isn't started again: leave out --rm, or --restart ${request.restart}`,
      );
    }
    if (request.stopSignal !== undefined) signalNumber(request.stopSignal);
    checkEnvironment(request.process?.env);
    if (request.process?.workdir !== undefined) checkWorkdir(request.process.workdir);
    if (request.process?.rootfs !== undefined) await checkRootfs(request.process.rootfs);
  }

  #checkFree(name: string): void {
    const known = this.#context.state.containerByName(name)?.record;
    if (!known) return;
    throw new NetsvcError(
      "exists",
      `The container "${name}" already exists${inCase(name, known.name)}; choose another name or ` +
        `remove it first`,
    );
  }

  /** Decides where a container goes, refusing what can't work. */
  async #plan(request: CreateContainer, id: string): Promise<Plan> {
    const { state, defaultNetwork } = this.#context;
    const published = (request.publishServices ?? []).map((reference) => {
      const { service, network } = splitServiceReference(reference);
      checkName("service", service);
      return { name: service, network: findNetwork(state, network ?? defaultNetwork).record.id };
    });
    const toDefault = (request.process ?? request.foreign) !== undefined &&
      published.length === 0;
    const wanted = request.network ?? (toDefault ? defaultNetwork : undefined);
    const plan: Plan = { mode: "networks", published };
    if (wanted === undefined) plan.mode = published.length > 0 ? "networks" : "none";
    else if (wanted.startsWith("container:")) {
      const other = findContainer(state, wanted.slice("container:".length)).record;
      if (!ownsSandbox(other) || other.state === "exited") {
        throw new NetsvcError(
          "invalid",
          `Cannot share the sandbox of container "${containerLabel(other)}": it has none`,
        );
      }
      plan.mode = `container:${other.id}`;
    } else {
      const network = findNetwork(state, wanted).record;
      if (network.driver === "host") plan.mode = "host";
      else if (network.driver === "null") plan.mode = "none";
      else plan.own = network.id;
    }
    if (request.foreign !== undefined && plan.mode !== "networks") {
      throw new NetsvcError(
        "invalid",
        `Cannot put a container of another runtime on --net "${request.network}"; give it to its ` +
          `own runtime, or name a network of netsvc's`,
      );
    }
    if (published.length > 0 && plan.mode !== "networks") {
      throw new NetsvcError(
        "invalid",
        `Cannot publish a service from a container with --net "${request.network}"; ` +
          `leave one of the two out`,
      );
    }
    if ((request.ports ?? []).length > 0 && plan.mode !== "networks") {
      throw new NetsvcError(
        "invalid",
        `Cannot publish ports of a container ` +
          (request.network ? `with --net "${request.network}"` : "that is on no network") +
          `; give it a network with --net`,
      );
    }
    if (plan.own !== undefined) await this.#checkBackend(plan.own, ownName(request.name, id));
    for (const { name, network } of published) await this.#checkBackend(network, name);
    return plan;
  }

  /** Refuses a service that has a backend already. */
  async #checkBackend(network: string, name: string): Promise<void> {
    await this.#services.ensure(network);
    const service = this.#services.named(network, name)?.record;
    const live = service && this.#context.state.liveBackend(service);
    if (!live) return;
    throw new NetsvcError(
      "in_use",
      `The service "${this.#services.label(service)}" already has a backend, the container ` +
        `"${containerLabel(backendContainer(live))}"${this.#services.elsewhere(live)}; ` +
        `detach it first`,
    );
  }

  /** The record, the held ports, the namespace and its resolver. */
  async #make(id: string, request: CreateContainer, plan: Plan): Promise<void> {
    const { ports: holders } = this.#context;
    const target = portTarget(this.#context, id);
    const ports: PublishedPort[] = holders.hold(id, request.ports ?? [], target);
    const hostname = request.hostname ?? request.name ?? shortId(id);
    const restart = parseRestart(request.restart ?? "no");
    try {
      await decideAndCommit(this.#context.state.local, () => {
        if (request.name !== undefined) this.#checkFree(request.name);
        const record: OwnContainer = {
          kind: "own",
          id,
          ...request.name !== undefined && { name: request.name },
          created: now(),
          hostname,
          state: "created",
          creating: true,
          networkMode: plan.mode,
          ...plan.own !== undefined && { ownNetwork: plan.own },
          ports,
          ...request.process && { process: request.process },
          autoRemove: request.autoRemove ?? false,
          ...restart && { restart },
          ...request.stopSignal !== undefined && { stopSignal: request.stopSignal },
          ...request.stopTimeout !== undefined && { stopTimeout: request.stopTimeout },
        };
        return { transaction: containerRecords.create(record), result: undefined };
      });
    } catch (error) {
      holders.release(id);
      throw error;
    }
    try {
      await this.#sandboxes.open(this.#own(id).record);
    } catch (error) {
      await this.#discard(id);
      throw error;
    }
  }

  /** Publishes and attaches what the plan says; notes what it published. */
  async #join(id: string, plan: Plan, published: string[]): Promise<void> {
    const { record } = this.#context.state.containers.get(id)!;
    const wanted = [
      ...plan.own === undefined
        ? []
        : [{ name: ownName(record.name, id), network: plan.own, auto: true }],
      ...plan.published.map((service) => ({ ...service, auto: false })),
    ];
    const seen = new Set<string>();
    for (const { name, network, auto } of wanted) {
      if (seen.has(`${network}/${name}`)) continue;
      seen.add(`${network}/${name}`);
      const service = this.#services.named(network, name)?.record.id;
      if (service !== undefined) await this.#attachments.attachHere(service, id);
      else {
        const owner = auto ? { auto: id } : {};
        published.push((await this.#attachments.publishHere({ name, network }, owner, id)).id);
      }
    }
  }

  /** The container is complete. */
  #created(id: string): Promise<void> {
    return this.#change(id, ({ creating: _, ...record }) => record);
  }

  /** Records a foreign container and keeps its sandbox, for those who hold its lock. */
  async takeInLocked(record: AdoptedContainer): Promise<void> {
    const { state, gate, ports: holders } = this.#context;
    const { id } = record;
    await gate.shared(async () => {
      const ports = this.takePorts(id, record.ports);
      const noting = decideAndCommit(state.local, () => {
        const known = state.containers.get(id);
        const next = { ...record, ports };
        const transaction = known
          ? containerRecords.replace(known, next)
          : containerRecords.create(next);
        return { transaction, result: undefined };
      });
      try {
        // A namespace that is pinned and not noted is found by the reconciler.
        await bothOrThrow(noting, this.#sandboxes.pin(record));
      } catch (error) {
        holders.release(id);
        if (state.containers.has(id)) await this.#discard(id);
        else await this.#sandboxes.close(record, true);
        throw error;
      }
    });
    if (record.running) this.watchExit(id, record.running);
  }

  /**
   * Serves names in the sandbox of a container that was taken in; harmless twice.
   *
   * @throws {NetsvcError} `not_found` when it is gone, or on its way
   */
  async equip(id: string): Promise<void> {
    const record = ifAdopted(this.#current(id).record);
    if (!record || this.#leaving.has(id) || record.state === "exited") throw gone(id);
    await this.#sandboxes.equip(record);
  }

  /** Answers when the files of a container of another program say what the state says by now. */
  written(id: string): Promise<void> {
    return this.#sandboxes.written(id);
  }

  /** The nameservers of a container that is to be taken in. */
  nameservers(record: AdoptedContainer): Promise<string[]> {
    return this.#sandboxes.nameservers(record);
  }

  /** Refuses what a container of another program can't be joined to. */
  async checkForeign(id: string, name: string | undefined, request: CreateContainer) {
    await this.#check({ ports: request.ports ?? [] });
    await this.#confirmed(request, () => this.#planForeign(id, name, request));
  }

  #planForeign(id: string, name: string | undefined, request: CreateContainer): Promise<Plan> {
    return this.#plan({ ...request, ...name !== undefined && { name } }, id);
  }

  /** Joins a container that was taken in to what a request says. */
  async joinForeign(id: string, request: CreateContainer): Promise<Container> {
    const plan = await this.#confirmed(
      request,
      () => this.#planForeign(id, this.#current(id).record.name, request),
    );
    return await this.#context.locks.container(id, async () => {
      const published: string[] = [];
      if (plan.own !== undefined) await this.#noteOwnNetwork(id, plan.own);
      try {
        await this.#join(id, plan, published);
      } catch (error) {
        await this.#undoCreate(id, published);
        throw error;
      }
      return this.info(id);
    });
  }

  #noteOwnNetwork(id: string, network: string): Promise<void> {
    return decideAndCommit(this.#context.state.local, () => {
      const current = this.#current(id);
      const next = { ...current.record, ownNetwork: network } satisfies ContainerRecord;
      return { transaction: containerRecords.replace(current, next), result: undefined };
    });
  }

  /** Takes a container off everything and forgets it, for those who hold its lock. */
  async forgetLocked(id: string): Promise<string[]> {
    const cut = await this.#detachAll(id);
    await this.#context.gate.shared(() => this.#discard(id));
    return cut;
  }

  /** {@linkcode forgetLocked} for the others. */
  forget(id: string): Promise<string[]> {
    return this.#context.locks.container(id, () => this.forgetLocked(id));
  }

  async #undoCreate(id: string, published: string[]): Promise<void> {
    const failures: unknown[] = [];
    await this.#removeLocked(id).catch((error) => failures.push(error));
    for (const service of published) {
      await this.#takeBackService(id, service).catch((error) => failures.push(error));
    }
    for (const error of failures) {
      log.error("Cannot take back container {id}: {cause}", {
        id: shortId(id),
        cause: errorChain(error).join(": "),
      });
    }
  }

  /** For the holder of the container's lock, which `Attachments.unpublish()` would wait for. */
  async #takeBackService(container: string, service: string): Promise<void> {
    const record = this.#context.state.services.get(service)?.record;
    if (!record) return;
    if (record.backend?.container === container) {
      await this.#attachments.detachHere(service, undefined, true);
    }
    await this.#services.unpublish(service);
  }

  /** Removes a container; a running one only with `force`. */
  async remove(reference: string, force: boolean): Promise<Removed> {
    const { record } = this.find(reference);
    return await this.#context.locks.container(record.id, async () => {
      const current = this.#context.state.containers.get(record.id)?.record;
      if (!current) return { name: containerLabel(record), cut: [] };
      if (current.running && isRunning(current.running) && !force && current.kind === "own") {
        throw new NetsvcError(
          "in_use",
          `Cannot remove container "${containerLabel(record)}": it is running; use -f to kill it`,
        );
      }
      const backed = current.kind === "adopted"
        ? this.#context.state.servicesBackedBy(record.id)
        : [];
      if (backed.length > 0 && !force) {
        throw new NetsvcError(
          "in_use",
          `Cannot let go of container "${containerLabel(record)}": it backs ` +
            nameList("service", backed.map(({ record }) => this.#services.label(record))) +
            `; detach it first or use -f`,
        );
      }
      const sharers = this.#sharers(record.id);
      if (sharers.length > 0 && !force) {
        throw new NetsvcError(
          "in_use",
          `Cannot remove container "${containerLabel(record)}": its sandbox is shared by ` +
            nameList("container", sharers.map(containerLabel)),
        );
      }
      await this.#beginRemoval(record.id);
      const cut: string[] = [];
      for (const sharer of sharers) {
        cut.push(...(await this.remove(sharer.id, true)).cut);
        cut.push(`container ${containerLabel(sharer)}`);
      }
      cut.push(...await this.#removeLocked(record.id));
      return { name: containerLabel(record), cut };
    });
  }

  /** Notes that it goes: where that can't be written, nothing is killed whose end couldn't be either. */
  #beginRemoval(id: string): Promise<void> {
    return decideAndCommit(this.#context.state.local, () => {
      const current = this.#current(id);
      const next = { ...current.record, removing: true } satisfies ContainerRecord;
      return { transaction: containerRecords.replace(current, next), result: undefined };
    });
  }

  #sharers(id: string): ContainerRecord[] {
    return [...this.#context.state.containers.values()].map(({ record }) => record)
      .filter((c) =>
        c.kind === "own" && c.networkMode === `container:${id}` && c.state !== "exited"
      );
  }

  /** Kills, detaches and forgets; returns what was cut, in words. */
  async #removeLocked(id: string): Promise<string[]> {
    const stored = this.#context.state.containers.get(id);
    if (!stored) return [];
    const running = this.#sandboxes.running(stored.record);
    // What another program runs is its own business; netsvc only lets go of it.
    if (running && stored.record.kind === "own") await this.#kill(running);
    return await this.forgetLocked(id);
  }

  /** Ends the process of a container that doesn't end by itself. */
  async end(id: string): Promise<void> {
    await this.#context.locks.container(id, async () => {
      const record = this.#context.state.containers.get(id)?.record;
      const running = record && this.#sandboxes.running(record);
      if (!running) return;
      this.#killed.add(id);
      await this.#kill(running);
    });
    await this.settle(id);
    this.#killed.delete(id);
  }

  /** Kills the init of a container, and with it all of its PID namespace. */
  async #kill(running: ProcessIdentity): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#context.exits.watch(running, resolve));
    const init = descend(running.pid, 1);
    if (init !== undefined) signal(init, SIGNALS.SIGKILL!);
    signal(running.pid, SIGNALS.SIGKILL!);
    const why = `The process ${running.pid} doesn't end after SIGKILL`;
    await deadline(gone, KILL_DEADLINE_MS, { error: () => new NetsvcError("timeout", why) });
  }

  /** Takes a container off all its services, and its own ones away; returns what was cut. */
  async #detachAll(id: string): Promise<string[]> {
    const { state } = this.#context;
    const cut: string[] = [];
    // The leg goes by itself with the last network that needs it: look again each time.
    for (let next; (next = state.servicesBackedBy(id).find(({ record }) => !record.leg)?.record);) {
      if (next.auto === id) await this.#endOwn(next);
      else {
        await this.#attachments.detachHere(next.id, undefined, true);
        if (next.auto === undefined) {
          cut.push(`the backend of service ${this.#services.label(next)}`);
        }
      }
    }
    const own = state.containers.get(id)?.record.ownNetwork;
    if (own !== undefined) await this.#services.ensure(own);
    for (const { record } of [...state.services.values()]) {
      if (record.auto !== id) continue;
      if (record.leg && record.backend) {
        await this.#attachments.detachHere(record.id, undefined, true);
      }
      // One that another host has taken over while this one was away is no longer the container's.
      const left = state.services.get(record.id)?.record;
      if (left && !state.liveBackend(left)) await this.#services.unpublish(record.id);
    }
    return cut;
  }

  /** One that another host has taken over while this one was away is no longer the container's. */
  async #endOwn({ id }: ServiceRecord): Promise<void> {
    const { state, hostId } = this.#context;
    try {
      await this.#attachments.endHere(id);
    } catch (error) {
      const left = state.services.get(id)?.record;
      const isOthers = left?.backend !== undefined && left.backend.hostId !== hostId;
      const isGone = !left && error instanceof NetsvcError && error.code === "not_found";
      if (!isOthers && !isGone) throw error;
    }
  }

  /** Removes sandbox and record. */
  async #discard(id: string): Promise<void> {
    const stored = this.#context.state.containers.get(id);
    if (!stored) return;
    await this.#leave(stored.record, true, () => {
      const { local, containers } = this.#context.state;
      const now = containers.get(id);
      return together(now ? containerRecords.remove(now) : {}, withoutFollowed(local, id));
    });
  }

  /** Closes a sandbox and writes that it is closed; who doesn't hold the lock can't open it meanwhile. */
  async #leave(
    record: ContainerRecord,
    forget: boolean,
    write: () => Transaction,
  ): Promise<void> {
    this.#leaving.add(record.id);
    try {
      this.#context.ports.release(record.id);
      await this.#sandboxes.close(record, forget);
      await decideAndCommit(
        this.#context.state.local,
        () => ({ transaction: write(), result: undefined }),
      );
    } finally {
      this.#leaving.delete(record.id);
    }
  }

  /** Notes the process of a container and watches for its end. */
  async started(id: string, running: ProcessIdentity): Promise<void> {
    await this.#change(
      id,
      (record) => ({ ...record, state: "running", running, started: now() }),
    );
    this.watchExit(id, running);
  }

  /** Runs what starts a container's process; its end settles the container only after that. */
  async starting<T>(id: string, action: () => Promise<T>): Promise<T> {
    const result = action();
    this.#starting.set(id, result.catch(() => {}));
    try {
      return await result;
    } finally {
      this.#starting.delete(id);
    }
  }

  /** Settles the container when its process ends. */
  watchExit(id: string, running: ProcessIdentity): void {
    this.#context.exits.watch(running, () => {
      Promise.resolve(this.#starting.get(id)).then(() => this.settle(id)).catch((error) =>
        log.error("Cannot settle container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    });
  }

  /**
   * Brings a container whose process has ended (or whose sandbox is gone with a boot) to rest: its
   * services lose their backend, its own ones go, its sandbox too; with `--rm`, all of it. Does
   * nothing to one that lives. `exitCode`: what the starter saw.
   */
  async settle(id: string, exitCode?: number): Promise<void> {
    await this.#context.locks.container(id, async () => {
      const record = this.#context.state.containers.get(id)?.record;
      if (!record || record.state === "exited") return;
      const running = this.#sandboxes.running(record);
      const gone = ownsSandbox(record) && !this.#context.namespaces.alive(id);
      if (record.kind === "adopted") {
        if (!gone && (record.running ? running : this.#isItself(record))) return;
        await this.#detachAll(id);
        const follows = followsServices(this.#context.state.local, id);
        return await this.#context.gate.shared(() =>
          follows ? this.#exit(id, undefined) : this.#discard(id)
        );
      }
      if (running && !gone) return;
      const started = record.running !== undefined || this.#sandboxes.exitCode(id) !== undefined;
      if (!started && !gone && exitCode === undefined) return;
      if (running) await this.#kill(running);
      const killed = this.#killed.has(id) ? KILLED : undefined;
      const code = exitCode ?? this.#sandboxes.exitCode(id) ?? killed;
      if (!record.autoRemove && started) await this.#noteServices(id);
      await this.#detachAll(id);
      await this.#context.gate.shared(() =>
        // A sandbox without a process of ours is only a namespace: with it gone, nothing is left.
        record.autoRemove || (gone && !started) ? this.#discard(id) : this.#exit(id, code)
      );
    });
  }

  /** Notes what it is attached to, so that a start brings it back there. */
  async #noteServices(id: string): Promise<void> {
    const { state } = this.#context;
    const backed = state.servicesBackedBy(id).map(({ record }) => record)
      .filter(({ leg, auto }) => !leg && auto !== id);
    // What was noted when it began to end counts until it has.
    if (backed.length === 0) return;
    const rejoin = backed.map(({ network, name, backend }) => ({
      ...{ network, name },
      aliases: backend!.aliases,
    }));
    await this.#change(id, (record) => ({ ...record, rejoin }));
  }

  /** Changes the record of a container. */
  #change(id: string, change: (record: OwnContainer) => OwnContainer): Promise<void> {
    return decideAndCommit(this.#context.state.local, () => {
      const own = this.#own(id);
      return { transaction: containerRecords.replace(own, change(own.record)), result: undefined };
    });
  }

  /** Notes that somebody stops a container, or starts it. */
  markStopped(id: string, stopped: boolean): Promise<void> {
    return this.#change(id, ({ stopped: _, restarts: __, ...record }) => ({
      ...record,
      ...stopped && { stopped },
    }));
  }

  /**
   * Gives a container that has exited its sandbox, its ports and its places again, so that its process can
   * be started.
   *
   * @param again by its policy
   * @throws {NetsvcError} where somebody else has what it needs by now
   */
  async revive(id: string, again: boolean): Promise<void> {
    const { gate, locks, ports: holders } = this.#context;
    this.#making.add(id);
    await locks.container(id, async () => {
      const { record } = this.#own(id);
      if (record.state !== "exited") return;
      await gate.shared(async () => {
        this.takePorts(id, record.ports);
        try {
          await this.#change(id, ({ exitCode: _, stopped: __, ...rest }) => ({
            ...rest,
            state: "created",
            restarts: again ? (rest.restarts ?? 0) + 1 : 0,
          }));
          await this.#sandboxes.reopen(this.#own(id).record);
        } catch (error) {
          holders.release(id);
          throw error;
        }
      });
      try {
        const { ownNetwork: own, networkMode: mode } = record;
        await this.#join(id, { mode, ...own !== undefined && { own }, published: [] }, []);
        for (const { network, name, aliases } of record.rejoin ?? []) {
          await this.#rejoin(id, network, name, aliases);
        }
      } catch (error) {
        await this.#detachAll(id).catch(() => {}); // The first failure counts.
        await gate.shared(() => this.#exit(id, record.exitCode));
        throw error;
      }
    }).finally(() => this.#making.delete(id));
  }

  /** A service that is gone, or another's by now, is no reason not to start. */
  async #rejoin(id: string, network: string, name: string, aliases: LinkAlias[]): Promise<void> {
    try {
      const service = this.#services.named(network, name)?.record.id;
      if (service !== undefined) await this.#attachments.attachHere(service, id, aliases);
    } catch (error) {
      log.warn("Container {id} doesn't back service {name} any more: {cause}", {
        ...{ id: shortId(id), name },
        cause: errorChain(error)[0],
      });
    }
  }

  /** Whether a namespace without a process is still the one that was taken in. */
  #isItself({ id, namespace }: AdoptedContainer): boolean {
    const number = namespaceNumber(namespace);
    return number !== undefined &&
      number === namespaceNumber(this.#context.namespaces.path(id));
  }

  async #exit(id: string, exitCode: number | undefined): Promise<void> {
    await this.#leave(this.#current(id).record, false, () => {
      const current = this.#current(id);
      const { running: _, ...rest } = current.record;
      const next: ContainerRecord = {
        ...rest,
        state: "exited",
        ...rest.kind === "own" && exitCode !== undefined && { exitCode },
      };
      return containerRecords.replace(current, next);
    });
  }

  #own(id: string): Stored<OwnContainer> {
    const { record, revision } = this.#current(id);
    if (record.kind === "own") return { record, revision };
    throw gone(id);
  }

  #current(id: string): Stored<ContainerRecord> {
    const stored = this.#context.state.containers.get(id);
    if (stored) return stored;
    throw gone(id);
  }

  /** Holds the ports of living containers again, after a restart; what fails is logged. */
  holdPorts(): void {
    for (const { record } of this.#context.state.containers.values()) {
      if (record.state === "exited" || record.ports.length === 0) continue;
      try {
        const target = portTarget(this.#context, record.id);
        this.#context.ports.hold(record.id, record.ports, target);
      } catch (error) {
        log.warn("{cause}", { cause: errorChain(error).join(": ") });
      }
    }
  }
}

/** Waits for both, and throws the first failure. */
async function bothOrThrow(one: Promise<void>, other: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([one, other])) {
    if (result.status === "rejected") throw result.reason;
  }
}

function gone(id: string): NetsvcError {
  return new NetsvcError("not_found", `No such container: "${shortId(id)}"; it was removed`);
}

/** Name of the service that a container is on a network: its own, else its short id. */
function ownName(name: string | undefined, id: string): string {
  return name ?? shortId(id);
}

/** Checks the names of environment variables. @throws {NetsvcError} `invalid` */
export function checkEnvironment(env: Record<string, string> = {}): void {
  for (const name of Object.keys(env)) {
    if (ENV_NAME.test(name)) continue;
    throw new NetsvcError(
      "invalid",
      `Invalid environment variable ${JSON.stringify(name)}; write NAME=VALUE`,
    );
  }
}

/** Checks a working directory. @throws {NetsvcError} `invalid` */
export function checkWorkdir(path: string): void {
  if (path.startsWith("/") && !path.includes("\0")) return;
  throw new NetsvcError("invalid", `The directory ${JSON.stringify(path)} is not an absolute path`);
}

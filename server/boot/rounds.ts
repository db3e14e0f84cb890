/**
 * The daemon's reconciliation rounds: the first, which runs before the API is served, and those after it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, isAway } from "../../lib/api/errors.ts";
import { giveBackFreeMemory } from "../../lib/linux/processes/free_memory.ts";
import { Converger } from "../reconcile/peers.ts";
import { PluginRounds } from "../reconcile/plugins.ts";
import type { Boot } from "./boot.ts";
import type { Parts } from "./wire.ts";

const log = getLogger(["netsvc", "daemon"]);

/** Interval between comparisons of the kernel with the store, in milliseconds. */
const RECONCILE_MS = 30_000;
/** Interval at which the daemon checks which programs have the host forward packets, in milliseconds. */
const FORWARD_MS = 1_000;

/** The rounds after the first. */
export interface Rounds {
  /** Starts them. */
  begin(): void;
}

/** Brings the host to the state of the stores, and follows the stores from then on. */
export async function startRounds(boot: Boot, parts: Parts): Promise<Rounds> {
  const { context, controllers, cluster, probes, stores: { shared } } = parts;
  const { hosts, containers, attachments, follower } = controllers;
  const { membership } = cluster;
  parts.reconciler.adopt();
  await parts.hostAddresses?.retell();
  await parts.storeFence?.refresh();
  await membership.start(probes && ((host) => probes.answers(host)));
  // Caches the hosts now: the store may be unreachable by the time a client asks for them.
  hosts.known().catch((error) =>
    log.warn("Cannot read the hosts: {cause}", { cause: errorChain(error).join(": ") })
  );
  await parts.encryption?.start(); // Encrypted networks need this host's key.
  await ensurePredefined(boot, parts);
  await parts.reconciler.run();
  await parts.balancer?.start();
  const converger = new Converger(context, (container) => attachments.settleUplink(container));
  boot.stack.defer(() => converger.close());
  // The first round changed records before the converger existed to follow the changes.
  const followAll = () => {
    for (const id of context.state.networks.keys()) converger.touch(id);
  };
  followAll();
  const pluginRounds = openPluginRounds(boot, parts);
  pluginRounds.run();
  containers.holder.ports.holdAll();
  follower.resume();
  const unsubscribe = shared.link?.onBack(() => membership.hurry());
  boot.stack.defer(() => unsubscribe?.());
  const round = () => {
    runRound(boot, parts, pluginRounds).catch((error) =>
      log.error("Cannot reconcile: {cause}", { cause: errorChain(error).join(": ") })
    );
  };
  return { begin: () => begin(boot, parts, { round, followAll }) };
}

function openPluginRounds({ plan: { defaults }, stack }: Boot, parts: Parts): PluginRounds {
  const { context, intents, ipams, lanes, reconciler, kept, controllers } = parts;
  const { hosts, networks } = controllers;
  const rounds = new PluginRounds({
    context,
    intents,
    lanes,
    reconciler,
    ipams,
    hosts,
    networks,
    defaults,
  });
  stack.defer(() => rounds.close());
  stack.defer(kept.subscribe(() => rounds.soon()));
  return rounds;
}

async function runRound(boot: Boot, parts: Parts, pluginRounds: PluginRounds): Promise<void> {
  const { context: { state }, cluster, dockerPlugin } = parts;
  await boot.machine.underlay.refresh();
  await cluster.membership.refresh();
  await parts.hostAddresses?.retell(); // This host's own addresses may have changed.
  await parts.storeFence?.refresh();
  parts.encryption?.refresh(); // Not awaited: it may wait for the store.
  await ensurePredefined(boot, parts);
  pluginRounds.run();
  await parts.reconciler.run();
  await parts.balancer?.reconcile();
  const own = new Set([...state.containers.values()].map(({ record }) => record.ownNetwork));
  await cluster.interests.sweep((id) =>
    own.has(id) || state.ownBackends(id).length > 0 || (dockerPlugin?.needs(id) ?? false)
  );
  await dockerPlugin?.serve();
  await dockerPlugin?.sweep();
  await giveBackFreeMemory();
}

/** Runs rounds at an interval, and when an event outside the daemon requires one. */
function begin(
  { machine, stack }: Boot,
  { context, cluster }: Parts,
  { round, followAll }: { round: () => void; followAll: () => void },
): void {
  // A start needs more than what comes after it.
  const given = giveBackFreeMemory().catch((error) =>
    log.debug("No memory is given back: {error}", { error })
  );
  stack.defer(() => given);
  // While this host was out of the cluster, any record may have changed.
  const end = cluster.membership.registered.subscribe(() => {
    followAll();
    round();
  });
  stack.defer(end);
  const timer = setInterval(round, RECONCILE_MS);
  stack.defer(() => clearInterval(timer));
  // A program that turns forwarding on or off depends on netsvc to notice (Docker does at its start).
  let forward = machine.othersForward?.();
  const forwardTimer = setInterval(() => {
    const now = machine.othersForward?.();
    if (now !== forward) round();
    forward = now;
    for (const driver of context.drivers.own()) {
      driver.look?.().then(
        (done) => done.forEach((line) => log.info("{line}", { line })),
        (error) => log.warn("{cause}", { cause: errorChain(error).join(": ") }),
      );
    }
  }, FORWARD_MS);
  stack.defer(() => clearInterval(forwardTimer));
}

/** Creates the predefined networks; one in the shared store is created when the store is reachable again. */
async function ensurePredefined({ plan }: Boot, { controllers }: Parts): Promise<void> {
  try {
    await controllers.networks.ensurePredefined(plan.defaults);
  } catch (error) {
    if (!isAway(error)) throw error;
    log.warn("The default network isn't there yet: {cause}", {
      cause: errorChain(error).join(": "),
    });
  }
}

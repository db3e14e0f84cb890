/**
 * The daemon's rounds: the first one, which comes before anything is served, and those after it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, isAway } from "../../lib/api/errors.ts";
import { Converger } from "../reconcile/peers.ts";
import { PluginRounds } from "../reconcile/plugins.ts";
import type { Boot } from "./boot.ts";
import type { Parts } from "./wire.ts";

const log = getLogger(["netsvc", "daemon"]);

/** The kernel is compared with the store this often, in milliseconds. */
const RECONCILE_MS = 30_000;
/** It is looked this often who has the host forward, in milliseconds. */
const FORWARD_MS = 1_000;

/** The rounds. */
export interface Rounds {
  /** Begins those after the first. */
  begin(): void;
}

/** Brings the host to what the stores say, and follows them from then on. */
export async function startRounds(boot: Boot, parts: Parts): Promise<Rounds> {
  const { context, controllers, cluster, probes, stores: { shared } } = parts;
  const { hosts, containers, attachments, follower } = controllers;
  const { membership } = cluster;
  parts.reconciler.adopt();
  await parts.hostAddresses?.retell();
  await parts.storeFence?.refresh();
  await membership.start(probes && ((host) => probes.answers(host)));
  // Known from now on, should the store go away before anybody asks.
  hosts.known().catch((error) =>
    log.warn("Cannot read the hosts: {cause}", { cause: errorChain(error).join(": ") })
  );
  await ensurePredefined(boot, parts);
  await parts.reconciler.run();
  const converger = new Converger(context, (container) => attachments.settleUplink(container));
  boot.stack.defer(() => converger.close());
  // The rounds before changed records without a converger to follow them.
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

/** One round. */
async function runRound(boot: Boot, parts: Parts, pluginRounds: PluginRounds): Promise<void> {
  const { context: { state }, cluster, dockerPlugin } = parts;
  await boot.machine.underlay.refresh();
  await cluster.membership.refresh();
  await parts.hostAddresses?.retell(); // This host's own may be others by now.
  await parts.storeFence?.refresh();
  await ensurePredefined(boot, parts);
  pluginRounds.run();
  await parts.reconciler.run();
  const own = new Set([...state.containers.values()].map(({ record }) => record.ownNetwork));
  await cluster.interests.sweep((id) =>
    own.has(id) || state.ownBackends(id).length > 0 || (dockerPlugin?.needs(id) ?? false)
  );
  await dockerPlugin?.serve();
  await dockerPlugin?.sweep();
}

/** Runs rounds every so often, and when something outside calls for one. */
function begin(
  { machine, stack }: Boot,
  { context, cluster }: Parts,
  { round, followAll }: { round: () => void; followAll: () => void },
): void {
  // After an absence all may be different.
  const end = cluster.membership.registered.subscribe(() => {
    followAll();
    round();
  });
  stack.defer(end);
  const timer = setInterval(round, RECONCILE_MS);
  stack.defer(() => clearInterval(timer));
  // Who has the host forward, or no longer, waits for netsvc to see it (Docker does when it starts).
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

/** Makes what must be there; a network of the shared store comes when that is back. */
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

/**
 * One attachment, in store and kernel side by side.
 *
 * @module
 */
import type { Decided as Decision, Join, NetworkSpec } from "../../../drivers/driver.ts";
import { type Driven, driven } from "../../drivers/network_spec.ts";
import type { Changes } from "../../drivers/noted_driver.ts";
import { begin, finish, type Halves } from "../../drivers/side_by_side.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { keepDecision } from "./decision.ts";
import { commitDetach } from "./detach.ts";
import { joinOf, peersOf } from "./specs/driver_specs.ts";
import type { Decided } from "./specs/rules.ts";
import { checkStands, isStanding } from "./specs/standing.ts";

/** An attachment that is under way. */
export interface Attempt {
  changes: Changes;
  service: ServiceRecord;
  spec: NetworkSpec;
  join: Join;
  halves: Halves<Decision | void>;
}

/** What an attempt needs of the daemon. */
export type AttemptContext = Pick<
  Context,
  "state" | "drivers" | "joined" | "namespaces" | "hostId" | "cluster"
>;

/** Begins an attachment; the caller holds the service's lock. */
export function beginAttempt(
  context: AttemptContext,
  { service, transaction, changes }: Decided & {
    /** The calls of the driver that this change may make. */
    changes: Changes;
  },
): Attempt {
  const { network, driver } = networkAndDriver(context, service.network);
  const of = driven(driver, network.record);
  const join = joinOf(context, service);
  const mirror = context.state.mirrorOf(network.record);
  const halves = begin(
    () => mirror.commit(transaction),
    () => joinKnown(context, of, { join, changes }),
  );
  return { changes, service, spec: of.spec, join, halves };
}

/** Has the driver join and, on a network of many hosts, gives it the peers. */
async function joinKnown(
  context: AttemptContext,
  of: Driven,
  { join, changes }: { join: Join; changes: Changes },
): Promise<Decision | void> {
  const decision = await changes.join(of.spec, join);
  if (of.spec.scope === "global") {
    context.joined.set(of, join);
    await changes.setPeers(of.spec, peersOf(context, of.spec.id));
  }
  return decision;
}

/**
 * Finishes an attempt: both halves have succeeded, or both are rolled back. They are rolled back, too, where this or
 * another host ended the service or its network meanwhile.
 */
export function finishAttempt(
  context: AttemptContext,
  { changes, service, spec, join, halves }: Attempt,
): Promise<{ done: ServiceRecord } | { conflict: string }> {
  const { state, joined } = context;
  return finish(halves, {
    what: `the attachment of service "${service.name}"`,
    confirm: async (decision) => {
      checkStands(state, service);
      return await keepDecision(context, service, decision ?? undefined);
    },
    undoMake: async () => {
      joined.delete(join.endpoint.id);
      await changes.leave(spec, join);
    },
    // Unless it was detached meanwhile, or given to another container.
    undoCommit: async () => {
      if (isStanding(state, service)) await commitDetach(context, service.id);
    },
  });
}

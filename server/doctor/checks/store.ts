/**
 * Checks whether the store answers, how fast, and whether this host's lease in it is alive.
 *
 * @module
 */
import type { Store } from "../../../kv/store.ts";
import { describeTwin } from "../../cluster/twins.ts";
import { EXPOSURE_REMEDY } from "../../model/shared/store_exposure.ts";
import { doctorRecords } from "../../model/repository/host_facts.ts";
import { hostRecords } from "../../model/repository/hosts.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";

const STORE = findingsOf("store");
const LEASE = findingsOf("lease");
/** Number of measurements, of which the median counts. */
const TIMES = 5;
/** A read that takes longer is slow, in milliseconds. */
const SLOW_READ_MS = 100;
/** A write that takes longer is slow, in milliseconds. */
const SLOW_WRITE_MS = 250;

async function median(action: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const start = performance.now();
    await action();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[TIMES >> 1]!;
}

function ms(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

function secondsSince(since: number): number {
  return Math.max(1, Math.round((Date.now() - since) / 1000));
}

const PROVIDER_REMEDIES =
  "Check that the store runs, that its address in --kv-store is right and that no firewall is " +
  "between; the daemon goes on by itself when it answers";

export async function checkStore(check: CheckContext): Promise<Finding[]> {
  const { exposure } = check;
  return [
    ...await checkAnswers(check),
    ...exposure === undefined ? [] : [STORE.warning(exposure, EXPOSURE_REMEDY)],
  ];
}

async function checkAnswers({ context, link }: CheckContext): Promise<Finding[]> {
  const store: Store = context.state.shared.store;
  const name = link ? `The store "${link.display}"` : "The embedded store";
  const away = link?.away;
  try {
    const { hostId } = context;
    const read = await median(() => doctorRecords.get(store, hostId));
    // If the daemon dies between the write and the removal, the key ends with the daemon's lease.
    const { lease } = context.cluster.membership;
    const write = await median(async () => {
      await store.commit(doctorRecords.put(hostId, lease));
    });
    await store.commit(doctorRecords.delete(hostId));
    const message = `${name} answers: a read takes ${ms(read)}, a write ${ms(write)}`;
    return read < SLOW_READ_MS && write < SLOW_WRITE_MS ? [STORE.ok(message)] : [
      STORE.warning(
        `${message}; that is slow`,
        "Look at the load and the disk of the store's machines, and at the way to them",
      ),
    ];
  } catch (error) {
    const since = away ?? link?.away;
    // The first error says enough: the rest of the chain repeats it in the client library's terms.
    const why = errorChain(since?.cause ?? error)[0]!.replace(/^The store "[^"]*"/, "it");
    // The embedded store isn't a server: its own error message contains the remedy.
    if (!link) {
      return [STORE.problem(
        `The embedded store takes no changes; names and traffic go on: ${errorChain(error)[0]!}`,
        "It is tried again every few seconds; nothing has to be restarted",
      )];
    }
    return [STORE.problem(
      `${name} ${
        since ? `has not answered for ${secondsSince(since.since)} s` : "doesn't answer"
      }: ${why}; names and traffic ` +
        `go on, changes are refused`,
      PROVIDER_REMEDIES,
    )];
  }
}

export async function checkLease(
  { context, link, leaseTtl }: CheckContext,
): Promise<Finding[]> {
  const { membership } = context.cluster;
  const seconds = leaseTtl / 1000;
  const twin = membership.twin && LEASE.problem(
    describeTwin(membership.twin, membership),
    membership.twin.what === "name"
      ? "Give one of the two another --host-name and restart it; this one takes its own name again " +
        "when the other has let it go"
      : "Stop one of the two, and start it with a --state-dir of its own",
  );
  if (twin) return [twin];
  if (!membership.lease) {
    const why = membership.failure === undefined
      ? ""
      : `; the last attempt to get one: ${membership.failure}`;
    return [LEASE.problem(
      "This host holds no lease in the store: to other hosts it is down, and its services don't " +
        `answer there${why}`,
      link?.away
        ? "See to the store first; the host registers by itself when it answers"
        : why === ""
        ? "The daemon takes a new lease by itself within seconds; if not, its log says why"
        : "Fix that; the daemon tries again by itself",
    )];
  }
  if (link?.away) {
    return [LEASE.warning(
      `This host's lease can't be renewed while the store is away; it ends within ${seconds} s`,
      "See to the store",
    )];
  }
  const held = await hostRecords.isAlive(context.state.shared.store, context.hostId);
  return [
    held ? LEASE.ok(`This host holds its lease of ${seconds} s`) : LEASE.problem(
      "The store has lost this host's lease: to other hosts it is down",
      "The daemon takes a new one within seconds; run netsvc doctor again, and look at the " +
        "store's clock and log if it goes on",
    ),
  ];
}

/**
 * What etcd counts by itself.
 *
 * @module
 */
import type { TestServer } from "../../tests/harness/server.ts";

/** Counters of a moment. */
export interface StoreMetrics {
  /** Sent to and received from clients, in bytes. */
  sent: number;
  received: number;
  /** Events sent to watches. */
  events: number;
  /** Watches that there are. */
  watchers: number;
  /** Transactions and puts that were applied. */
  revisions: number;
  /** Leases that were renewed. */
  renewals: number;
}

const NAMES: Record<keyof StoreMetrics, RegExp> = {
  sent: /^etcd_network_client_grpc_sent_bytes_total (\S+)$/m,
  received: /^etcd_network_client_grpc_received_bytes_total (\S+)$/m,
  events: /^etcd_debugging_mvcc_events_total (\S+)$/m,
  watchers: /^etcd_debugging_mvcc_watcher_total (\S+)$/m,
  revisions: /^etcd_debugging_mvcc_current_revision (\S+)$/m,
  renewals: /^etcd_debugging_lease_renewed_total (\S+)$/m,
};

/** Reads them. */
export async function storeMetrics(etcd: TestServer): Promise<StoreMetrics> {
  const response = await fetch(`http://${etcd.endpoint}/metrics`);
  const text = await response.text();
  const entries = Object.entries(NAMES).map(([key, pattern]) =>
    [key, Number(text.match(pattern)?.[1] ?? NaN)] as const
  );
  return Object.fromEntries(entries) as Record<keyof StoreMetrics, number>;
}

/** What was counted between two moments; `watchers` as of the later one. */
export function difference(before: StoreMetrics, after: StoreMetrics): StoreMetrics {
  const entries = Object.entries(after).map(([key, value]) =>
    [key, value - (key === "watchers" ? 0 : before[key as keyof StoreMetrics])] as const
  );
  return Object.fromEntries(entries) as Record<keyof StoreMetrics, number>;
}

/**
 * What `cluster status` says.
 *
 * @module
 */
import { Client } from "../../../cli/client/client.ts";
import type { ClusterHost } from "../../../lib/api/types.ts";
import type { TestHost } from "../../harness/host.ts";

/** The hosts, as one of them sees them. */
export async function statusOf(host: TestHost): Promise<ClusterHost[]> {
  using client = new Client({ host: `unix://${host.socket}` });
  return (await client.cluster.status()).hosts;
}

/**
 * A process as a container: `pid:1234`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { identify } from "../../../lib/linux/processes/process_table.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  refuseClosedNamespace,
  refuseHostNamespace,
} from "../../../lib/linux/namespaces/namespace_identity.ts";
import { unwatched } from "./static_engine.ts";

/** Emits no events: callers watch the process. */
export const pidEngine = unwatched("pid", (reference) => {
  if (!/^[1-9]\d{0,9}$/.test(reference)) {
    throw new NetsvcError(
      "invalid",
      `Invalid process id ${JSON.stringify(reference)}; write it like pid:1234`,
    );
  }
  const process = identify(Number(reference));
  if (!process) return undefined;
  const { pid, start, boot } = process;
  const namespace = `/proc/${pid}/ns/net`;
  refuseClosedNamespace(pid);
  refuseHostNamespace(`process ${pid}`, namespace);
  return {
    // The kernel reuses process ids, so the start time and boot id belong to the identity.
    id: createHash("sha256").update(`pid:${pid}:${start}:${boot}`).digest("hex"),
    name: `pid:${pid}`,
    runtime: "pid",
    running: { namespace, process },
  };
});

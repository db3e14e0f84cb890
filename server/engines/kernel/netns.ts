/**
 * A network namespace as a container: `netns:/run/netns/x`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { bootId } from "../../../lib/linux/processes/process_table.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  namespaceNumber,
  refuseHostNamespace,
} from "../../../lib/linux/namespaces/namespace_identity.ts";
import { unwatched } from "./static_engine.ts";

/** A path that needs no quoting in a line of `ip -batch` (ip(8)). */
const PATH = /^\/[A-Za-z0-9_./@:+,-]{1,1000}$/;

/** Emits no events, since the kernel emits none when a namespace ends: callers poll. */
export const netnsEngine = unwatched("netns", (reference) => {
  if (!PATH.test(reference) || reference.split("/").includes("..")) {
    throw new NetsvcError(
      "invalid",
      `Invalid namespace path ${JSON.stringify(reference)}; write it like netns:/run/netns/x, ` +
        `with letters, digits and "_./@:+,-"`,
    );
  }
  const number = namespaceNumber(reference);
  if (number === undefined) return undefined;
  refuseHostNamespace(`namespace "${reference}"`, reference);
  const identity = `netns:${reference}:${number}:${bootId()}`;
  return {
    id: createHash("sha256").update(identity).digest("hex"),
    name: `netns:${reference}`,
    runtime: "netns",
    running: { namespace: reference },
  };
});

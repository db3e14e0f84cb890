/**
 * Tells network namespaces apart, by the numbers the kernel gives them (namespaces(7)).
 *
 * @module
 */
import { cString, libc } from "../../drivers/kernel/libc.ts";
import { inNamespace } from "../../drivers/kernel/namespace.ts";
import { NetsvcError } from "../wire/errors.ts";

/** The number of the network namespace at a path; `undefined` when there is none. */
export function namespaceNumber(path: string): string | undefined {
  const buffer = new Uint8Array(64);
  try {
    // A path may be a mount of the namespace, which has no such number in its name: so go and look.
    const n = inNamespace(path, () =>
      Number(
        libc().readlink(cString("/proc/thread-self/ns/net"), buffer, BigInt(buffer.length)),
      ));
    return new TextDecoder().decode(buffer.subarray(0, Math.max(n, 0)))
      .match(/^net:\[(\d+)\]$/)?.[1];
  } catch {
    return undefined;
  }
}

/** The error of what is on the host's network: what is plugged in there is plugged into the host. */
export function onHostNetwork(what: string): NetsvcError {
  return new NetsvcError(
    "invalid",
    `The ${what} has no network of its own, it is on its host's; nothing can be attached to it`,
  );
}

/** Refuses this host's own namespace. @throws {NetsvcError} `invalid` */
export function refuseHostNamespace(what: string, path: string): void {
  if (namespaceNumber(path) === namespaceNumber("/proc/self/ns/net")) throw onHostNetwork(what);
}

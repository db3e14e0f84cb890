/**
 * Links and routes of a network namespace that netsvc didn't make. Read from `/proc`, without starting a
 * tool: the attach of a container waits for it. Source: proc_pid_net(5).
 *
 * @module
 */
import { readFileSync } from "../libc.ts";
import { inNamespace } from "./namespace.ts";

/** Names of links, in the text of `/proc/net/dev`. */
export function parseLinks(text: string): string[] {
  return [...text.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name]) => name!);
}

/** Whether the text of `/proc/net/route` has a default route for IPv4. */
export function parseHasRoute(text: string): boolean {
  return text.split("\n").slice(1).some((line) => {
    const [, destination, , , , , , mask] = line.split("\t");
    return destination === "00000000" && mask === "00000000";
  });
}

/** Reads both of a namespace. @throws {NetsvcError} `kernel` when it is gone */
export function lookInside(namespace: string): { links: string[]; hasRoute: boolean } {
  return inNamespace(namespace, () => ({
    links: parseLinks(readFileSync("/proc/thread-self/net/dev")),
    hasRoute: parseHasRoute(readFileSync("/proc/thread-self/net/route")),
  }));
}

/**
 * What a network namespace that netsvc didn't make has. Read from `/proc`, without a process of a
 * tool: it is in the way of a container that is being attached. Source: proc_pid_net(5).
 *
 * @module
 */
import { readFileSync } from "../libc.ts";
import { inNamespace } from "./namespace.ts";

/** Names of links, in the text of `/proc/net/dev`. */
export function parseLinks(text: string): string[] {
  return [...text.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name]) => name!);
}

/** Whether there is a way out for IPv4, in the text of `/proc/net/route`. */
export function parseHasRoute(text: string): boolean {
  return text.split("\n").slice(1).some((line) => {
    const [, destination, , , , , , mask] = line.split("\t");
    return destination === "00000000" && mask === "00000000";
  });
}

/** Looks inside. @throws {NetsvcError} `kernel` when it is gone */
export function lookInside(namespace: string): { links: string[]; hasRoute: boolean } {
  return inNamespace(namespace, () => ({
    links: parseLinks(readFileSync("/proc/thread-self/net/dev")),
    hasRoute: parseHasRoute(readFileSync("/proc/thread-self/net/route")),
  }));
}

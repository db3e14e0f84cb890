/**
 * The nodes of the keys that a transaction touches.
 *
 * @module
 */
import type { Revision } from "../store.ts";
import type { Tree } from "./history.ts";
import { decodeData, revisionOf } from "./layout.ts";

/** A key's node. */
export interface KeyNode {
  version: number;
  revision: Revision;
  value: string;
  lease?: string;
  /** Whether its lease has ended: the key doesn't exist any more, its node only waits to be deleted. */
  dead: boolean;
}

/** Keys, their nodes and fences, as they were at some moments after each other. */
export interface State {
  nodes: Map<string, KeyNode | undefined>;
  /** Paths of fences and their data versions, as they were before the nodes were read. */
  fences: Map<string, number>;
  /** The last transaction before. */
  head: Revision;
}

/**
 * Reads a state. All keys' nodes are as they were read for as long as their fences and their own
 * versions are: a node made again has moved its fence.
 */
export async function readState(
  { connection, layout }: Tree,
  keys: Iterable<string>,
): Promise<State> {
  const all = [...new Set(keys)];
  const paths = [...new Set(all.map((key) => layout.fence(key)))];
  // All are asked at once and answered in this order.
  const [head, fences, found] = await Promise.all([
    connection.stat(layout.head),
    Promise.all(paths.map((path) => connection.stat(path))),
    Promise.all(all.map((key) => connection.get(layout.key(key)))),
  ]);
  const nodes = new Map<string, KeyNode | undefined>();
  for (const [i, key] of all.entries()) {
    const node = found[i];
    nodes.set(
      key,
      node && {
        ...decodeData(node.data),
        version: node.stat.version,
        revision: revisionOf(node.stat.mzxid),
        dead: false,
      },
    );
  }
  const leases = new Set([...nodes.values()].flatMap((node) => node?.lease ?? []));
  const gone = new Set<string>();
  await Promise.all([...leases].map(async (id) => {
    if (!await connection.stat(layout.lease(id))) gone.add(id);
  }));
  for (const node of nodes.values()) {
    if (node?.lease !== undefined) node.dead = gone.has(node.lease);
  }
  return {
    nodes,
    fences: new Map(paths.map((path, i) => [path, fences[i]?.version ?? -1])),
    head: head ? revisionOf(head.mzxid) : "",
  };
}

/** The revision of a key, `null` when it isn't there. */
export function revisionIn({ nodes }: State, key: string): Revision | null {
  const node = nodes.get(key);
  return node && !node.dead ? node.revision : null;
}

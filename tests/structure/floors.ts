/**
 * The floors of the house, the lowest first: the structure of the code as a list. A file imports its own
 * room or a room of a lower floor; rooms of one floor don't know each other.
 *
 * @module
 */

/** Floors, from the ground up; each a list of rooms, which are folders or files. */
export const FLOORS: readonly (readonly string[])[] = [
  ["lib/api/"],
  ["lib/async/", "lib/bytes/", "lib/ip/"],
  ["lib/linux/", "lib/x509/"],
  ["kv/", "drivers/"],
  ["server/ipam/", "server/dns/files/", "server/dns/codec/", "server/inside/"],
  ["server/model/"],
  ["server/dns/", "server/engines/"],
  ["server/sandbox/"],
  ["server/machine/"],
  ["server/cluster/files/"],
  ["server/cluster/etcd/"],
  ["server/cluster/control/"],
  ["server/cluster/join/"],
  ["server/cluster/member/"],
  ["server/cluster/"],
  ["server/drivers/"],
  ["server/controllers/"],
  ["server/controllers/services/"],
  ["server/controllers/networks/", "server/controllers/hosts/"],
  ["server/controllers/endpoints/", "server/controllers/clusters/"],
  ["server/controllers/containers/"],
  ["server/controllers/adopted/"],
  ["server/controllers/docker/"],
  ["server/reconcile/"],
  ["server/doctor/"],
  ["server/http/listen/"],
  ["server/http/"],
  ["server/docker/"],
  ["server/boot/"],
  ["cli/"],
  ["main.ts", "mod.ts"],
];

/** The room of a file: its index among all rooms' names, and its floor. */
export function placeOf(path: string): { room: string; floor: number } {
  let best: { room: string; floor: number } | undefined;
  for (const [floor, rooms] of FLOORS.entries()) {
    for (const room of rooms) {
      if (path.startsWith(room) && room.length > (best?.room.length ?? 0)) best = { room, floor };
    }
  }
  if (!best) throw new Error(`${path} is in no room`);
  return best;
}

/** An import that goes up, or across to another room of the same floor. */
export interface Climb {
  from: string;
  to: string;
}

/** All imports that the floors forbid. */
export function climbs(graph: Map<string, string[]>): Climb[] {
  const found: Climb[] = [];
  for (const [from, all] of graph) {
    const own = placeOf(from);
    for (const to of all) {
      const other = placeOf(to);
      if (own.room !== other.room && other.floor >= own.floor) found.push({ from, to });
    }
  }
  return found;
}

/** Circles of files: each a list of files that reach each other (Tarjan's components of two or more). */
export function circles(graph: Map<string, string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    stack.push(file);
    for (const to of graph.get(file) ?? []) {
      if (!index.has(to)) {
        visit(to);
        low.set(file, Math.min(low.get(file)!, low.get(to)!));
      } else if (stack.includes(to)) low.set(file, Math.min(low.get(file)!, index.get(to)!));
    }
    if (low.get(file) !== index.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) found.push(circle.sort());
  };
  for (const file of graph.keys()) if (!index.has(file)) visit(file);
  return found;
}

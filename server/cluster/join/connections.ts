/**
 * Which connections there is room for where hosts join. Whoever comes is let in: of those that have shown nothing yet, the
 * oldest of the neighbourhood that holds the most goes for it, so that a flood ends its own and nobody else's. Pure.
 *
 * @module
 */

/** Connections of strangers at one time. */
export const STRANGERS = 128;
/** Of these from one neighbourhood: others' hosts get in beside a flood. */
export const PER_NEIGHBOURHOOD = 16;
/** Connections from addresses of the cluster's hosts, which strangers don't take room from. */
export const MEMBERS = 128;

/** A connection. */
interface Held<C> {
  connection: C;
  neighbourhood: string;
  member: boolean;
  /** It has shown a certificate of the cluster's. */
  known: boolean;
}

/**
 * Who counts as one: an IPv4 address; of IPv6 all addresses of a /64, since whoever has one of them has them all.
 */
export function neighbourhoodOf(address: string): string {
  const plain = address.toLowerCase().replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

/** The connections that there are, the oldest first. */
export class Connections<C> {
  readonly #held = new Map<C, Held<C>>();
  readonly #isMember: (address: string) => boolean;

  /** @param isMember whether an address is one of the cluster's hosts */
  constructor(isMember: (address: string) => boolean = () => false) {
    this.#isMember = isMember;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Lets one in. @returns what is to be closed for it: another one, or, where all have shown what they are, itself */
  admit(connection: C, address: string): C | undefined {
    const member = this.#isMember(address);
    const neighbourhood = neighbourhoodOf(address);
    const own: Held<C> = { connection, neighbourhood, member, known: false };
    this.#held.set(connection, own);
    const room = [...this.#held.values()].filter((one) => one.member === member);
    const near = room.filter((one) => one.neighbourhood === neighbourhood);
    const dropped = near.length > PER_NEIGHBOURHOOD
      ? near.find(({ known }) => !known)
      : room.length > (member ? MEMBERS : STRANGERS)
      ? oldestOfMost(room)
      : undefined;
    if (dropped) this.#held.delete(dropped.connection);
    return dropped?.connection;
  }

  /** It has shown a certificate of the cluster's. */
  know(connection: C): void {
    const held = this.#held.get(connection);
    if (held) held.known = true;
  }

  remove(connection: C): void {
    this.#held.delete(connection);
  }

  all(): C[] {
    return [...this.#held.keys()];
  }
}

/** Of the neighbourhood that holds the most that have shown nothing, the oldest. */
function oldestOfMost<C>(room: readonly Held<C>[]): Held<C> | undefined {
  const unknown = room.filter(({ known }) => !known);
  const counts = new Map<string, number>();
  for (const { neighbourhood } of unknown) {
    counts.set(neighbourhood, (counts.get(neighbourhood) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  return unknown.find(({ neighbourhood }) => counts.get(neighbourhood) === most);
}

/**
 * What networks are called by Docker's clients. netsvc's own names are names of DNS, which has neither
 * dots in them nor letter case; where Docker's is another one, netsvc makes up one that is like it. Pure.
 *
 * @module
 */
import { withDockerName } from "../../../controllers/docker/names.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { checkName, dnsName } from "../../../../lib/api/names.ts";

/** Longest name of Docker's, in characters; it has no bound itself. */
const MAX_LENGTH = 255;
/** Of netsvc's name, so that a number fits behind it. */
const ROOM = 56;

/**
 * The name of netsvc's own for a network to be.
 *
 * @param networks those that there are
 * @throws {NetsvcError} `exists`; `invalid` for what can't be shown in a list
 */
export function netsvcName(name: string, networks: NetworkRecord[]): string {
  if (name.length > MAX_LENGTH || /^\s*$|^\s|\s$|[\p{C}/]/u.test(name)) {
    throw new NetsvcError(
      "invalid",
      `Invalid network name ${
        JSON.stringify(name)
      }: use 1 to ${MAX_LENGTH} characters without "/", and ` +
        "no blanks around them",
    );
  }
  if (withDockerName(networks, name)) {
    throw new NetsvcError("exists", `network with name ${name} already exists`);
  }
  const taken = new Set(networks.map((network) => network.name.toLowerCase()));
  if (isName(name) && !taken.has(name.toLowerCase())) return name;
  const base = dnsName(name).slice(0, ROOM).replace(/-+$/, "") || "network";
  for (let n = 1;; n++) {
    const candidate = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(candidate.toLowerCase())) return candidate;
  }
}

function isName(name: string): boolean {
  try {
    checkName("network", name);
    return true;
  } catch {
    return false;
  }
}

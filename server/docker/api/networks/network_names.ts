/**
 * Names of networks for Docker's clients. netsvc's own names are DNS labels, without dots and without letter
 * case; for a Docker name that isn't a label, netsvc derives a similar one. Pure.
 *
 * @module
 */
import { withDockerName } from "../../../controllers/docker/names.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { checkName, dnsName } from "../../../../lib/api/names.ts";

/** Longest Docker name that netsvc accepts, in characters; Docker has no limit. */
const MAX_LENGTH = 255;
/** Longest derived name, in characters, which leaves room for a number after it. */
const ROOM = 56;

/**
 * netsvc's own name for a new network.
 *
 * @param networks the existing networks
 * @throws {NetsvcError} `exists`; `invalid` for a name that can't be shown in a list
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

/**
 * Two hosts with one name or one id.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { shortId } from "../../lib/api/names.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Asks the daemon of a host, through the store, whether it is there. */
export type Ask = (host: string) => Promise<boolean>;

/** Another living host with this host's name or id. */
export interface Twin {
  /** What both hosts share. */
  what: "name" | "id";
  /** Id of the other host. */
  id: string;
  address?: string;
}

/** Another host has this one's name. */
export class NameTaken extends NetsvcError {
  readonly owner: string;

  constructor(name: string, owner: string) {
    super(
      "exists",
      `The host name "${name}" is that of another living host (${shortId(owner)}); give ` +
        `this one a name of its own with --host-name`,
    );
    this.owner = owner;
  }
}

/** Describes two hosts with one name or one id, in words. */
export function describeTwin(
  { what, id, address }: Twin,
  { given, name }: { given: string; name: string },
): string {
  const where = address === undefined ? "" : ` at ${address}`;
  return what === "name"
    ? `The host name "${given}" is that of another living host (${
      shortId(id)
    }${where}) by now: this ` +
      `one is registered as "${name}"`
    : `Another daemon${where} has this host's id (${
      shortId(id)
    }), as when a machine was copied with ` +
      `its state directory: each takes the other's services for its own`;
}

/** Another living host has this one's id. */
export function sameId(id: string): NetsvcError {
  return new NetsvcError(
    "exists",
    `Another living daemon has this host's id (${
      shortId(id)
    }), as when a machine was copied with its ` +
      `state directory; start this one with a --state-dir of its own`,
  );
}

/** Whether a host answers, as far as it can be asked. */
export async function answers(ask: Ask, host: string): Promise<boolean> {
  try {
    return await ask(host);
  } catch (error) {
    log.debug("Cannot ask the host {host}: {cause}", {
      host: shortId(host),
      cause: errorChain(error).join(": "),
    });
    return false;
  }
}

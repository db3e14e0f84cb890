/**
 * The etcd of a host that is a voter of its cluster: taken up at the daemon's start, and left running at its end.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { EtcdChild } from "../../cluster/etcd/etcd_child.ts";
import { certifySelf } from "../../cluster/member/voting/own_certificates.ts";
import { etcdMember } from "../../cluster/member/own_etcd.ts";
import type { Boot } from "../boot.ts";

const log = getLogger(["netsvc", "cluster"]);

/** @returns it, where there is to be one. @throws {NetsvcError} `invalid` on a host with another id than the membership's */
export async function openOwnStore(
  { plan: { cluster: { file, state }, settings }, stack }: Pick<Boot, "plan" | "stack">,
  hostId: string,
): Promise<EtcdChild | undefined> {
  if (!state) return undefined;
  if (state.host.id !== hostId) {
    throw new NetsvcError(
      "invalid",
      `The membership in "${file.paths.directory}" is another host's than the state beside it; move it away, and join ` +
        `the cluster anew`,
    );
  }
  if (state.store.kind !== "own") return undefined;
  const program = settings.etcd ?? state.store.etcd;
  const child = stack.use(
    new EtcdChild({ paths: file.paths, ...program !== undefined && { program } }),
  );
  if (state.role !== "voter") return child;
  try {
    // Before etcd reads them, and before any host is asked: it may be for a year that nobody was up.
    await certifySelf(file.paths, state.host);
  } catch (error) {
    log.error("Cannot renew this voter's certificate: {cause}", {
      cause: errorChain(error).join(": "),
    });
  }
  try {
    await child.start(etcdMember(state, { existing: true }));
  } catch (error) {
    // Names and traffic go on; what is written waits for another voter, or for the program.
    log.error("Cannot start etcd: {cause}", { cause: errorChain(error).join(": ") });
  }
  return child;
}

/**
 * Chooses VXLAN network identifiers of networks. Pure but for chance.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { NetworkRecord } from "../../model/records.ts";

/** The lowest that is chosen: those below are left to users. */
const FIRST_VNI = 4096;
const LAST_VNI = 2 ** 24 - 1;
/** Spellings of the option that asks for a VNI. */
const VNI_OPTIONS = ["vni", "com.docker.network.driver.overlay.vxlanid_list"];

/** The VNI that was asked for, or any free one. @throws {NetsvcError} `exists` */
export function pickVni(options: Record<string, string>, networks: NetworkRecord[]): number {
  const taken = new Map(
    networks.flatMap(({ vni, name }) => vni === undefined ? [] : [[vni, name]]),
  );
  const given = VNI_OPTIONS.map((name) => options[name]).find((value) => value !== undefined);
  if (given !== undefined) {
    const owner = taken.get(Number(given));
    if (owner === undefined) return Number(given);
    throw new NetsvcError(
      "exists",
      `The VNI ${given} is that of network "${owner}"; choose another -o vni=, or leave it out`,
    );
  }
  // At random, so that hosts that choose at the same moment don't choose the same.
  while (true) {
    const vni = FIRST_VNI + Math.floor(Math.random() * (LAST_VNI - FIRST_VNI + 1));
    if (!taken.has(vni)) return vni;
  }
}

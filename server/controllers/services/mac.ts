/**
 * MAC addresses of services. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Checks and normalises a MAC address. @throws {NetsvcError} `invalid` */
export function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (!MAC.test(mac)) {
    throw new NetsvcError(
      "invalid",
      `Invalid MAC address "${text}"; write it like 02:42:ac:11:00:02`,
    );
  }
  if (parseInt(mac.slice(0, 2), 16) & 1 || mac === "00:00:00:00:00:00") {
    throw new NetsvcError("invalid", `Invalid MAC address "${text}": it is not a unicast address`);
  }
  return mac;
}

/** A locally administered unicast MAC that a service keeps wherever it is attached. */
export function macOf(id: string): string {
  return ["02", ...id.slice(0, 10).match(/../g)!].join(":");
}

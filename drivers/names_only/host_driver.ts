/**
 * The host driver: containers use the host's own network. It has one network, without
 * addresses, so nothing is to be done.
 *
 * @module
 */
import type { Driver } from "../driver.ts";
import { namesOnlyDriver } from "./names_only.ts";

/** The driver "host". */
export const hostDriver: Driver = namesOnlyDriver("host");

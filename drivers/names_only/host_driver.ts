/**
 * The host driver: containers use the host's own network. It has one network, without addresses, so it has nothing
 * to do.
 *
 * @module
 */
import type { Driver } from "../driver.ts";
import { namesOnlyDriver } from "./names_only.ts";

export const hostDriver: Driver = namesOnlyDriver("host");

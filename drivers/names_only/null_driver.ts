/**
 * The null driver: containers have loopback and nothing else. It has one network, without
 * addresses, so nothing is to be done.
 *
 * @module
 */
import type { Driver } from "../driver.ts";
import { namesOnlyDriver } from "./names_only.ts";

/** The driver "null". */
export const nullDriver: Driver = namesOnlyDriver("null");

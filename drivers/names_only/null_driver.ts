/**
 * The null driver: containers have loopback and nothing else. It has one network, without addresses, so it has
 * nothing to do.
 *
 * @module
 */
import type { Driver } from "../driver.ts";
import { namesOnlyDriver } from "./names_only.ts";

export const nullDriver: Driver = namesOnlyDriver("null");

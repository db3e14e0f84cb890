/**
 * `netsvc --inside`: modules of the daemon's helper processes, which the executable loads for them alone.
 *
 * @module
 */
export { runInside } from "../server/inside/inside.ts";

/**
 * `netsvc --inside`: what only a helper of the daemon's needs, which the executable loads for nobody else.
 *
 * @module
 */
export { runInside } from "../server/inside/inside.ts";

/**
 * Errors of the kernel about packets that it doesn't send (errno(3), ip(7)).
 *
 * @module
 */

/** A firewall of this host drops it. */
export const EPERM = 1;
/** It is larger than the link, or the route, takes. */
export const EMSGSIZE = 90;
/** There is no route. */
export const ENETUNREACH = 101;
/** The next hop doesn't answer. */
export const EHOSTUNREACH = 113;

/**
 * The TCP ports of a cluster that `cluster init` made, on the voters' advertised addresses. They are not etcd's
 * usual ones, which an etcd of somebody else's may have. Pure.
 *
 * @module
 */

/** Where voters take hosts in, and daemons speak to each other. */
export const JOIN_PORT = 2478;
/** etcd's port for the daemons. */
export const ETCD_CLIENT_PORT = 2479;
/** etcd's port for the other voters. */
export const ETCD_PEER_PORT = 2480;

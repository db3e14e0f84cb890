/**
 * Endpoints of tunnels as text: ADDRESS:PORT, an address of IPv6 in brackets. Pure.
 *
 * @module
 */

/** Its parts; `undefined` for anything else. */
export function splitEndpoint(text: string): { hostname: string; port: number } | undefined {
  const found = /^(?:\[([0-9a-fA-F:.]+(?:%[^\]\s]{1,15})?)\]|(\d+(?:\.\d+){3})):(\d{1,5})$/.exec(
    text,
  );
  if (!found) return undefined;
  const port = Number(found[3]);
  return port >= 1 && port <= 65535 ? { hostname: found[1] ?? found[2]!, port } : undefined;
}

/** Its text. */
export function joinEndpoint(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

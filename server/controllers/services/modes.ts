/**
 * What each mode of services allows. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { PublishService, ServicePort } from "../../../lib/api/types.ts";
import type { NetworkRecord, ServiceMode } from "../../model/records.ts";

/** Refuses what a service of the asked mode can't have. @throws {NetsvcError} `invalid`, `unsupported` */
export function checkMode(
  { name, mode = "single", ips = [], mac, ports = [] }: PublishService,
  network: NetworkRecord,
): void {
  checkPorts(name, { mode, ports });
  if (mode === "single") return;
  const what = mode === "dnsrr" && ips.length > 0
    ? `address ${ips[0]}`
    : mac !== undefined
    ? `MAC address ${mac}`
    : undefined;
  if (what !== undefined) {
    throw new NetsvcError(
      "invalid",
      `Cannot give the service "${name}" the ${what}: of mode ${mode} each of its backends has its ` +
        `own; leave it out`,
    );
  }
  if (mode === "vip") checkAddressable(name, network);
}

/** Refuses an address of its own where others give addresses, or nobody does. @throws {NetsvcError} `unsupported` */
export function checkAddressable(service: string, { name, ipam, pools }: NetworkRecord): void {
  if (ipam === undefined && pools.length > 0) return;
  throw new NetsvcError(
    "unsupported",
    `Cannot give the service "${service}" an address of its own: ` +
      `${ipam ? "a plugin" : "nobody"} gives the addresses of network "${name}"; use mode dnsrr`,
  );
}

/** Refuses ports that a mode can't have. @throws {NetsvcError} `invalid` */
export function checkPorts(
  name: string,
  { mode, ports }: { mode: ServiceMode; ports: ServicePort[] },
): void {
  const led = ports.find(({ target }) => target !== undefined);
  if (mode !== "vip" && led) {
    throw new NetsvcError(
      "invalid",
      `Cannot lead port ${led.port} of service "${name}" to port ${led.target}: of mode ${mode} it ` +
        `has no address to lead from; leave the second port out, or use mode vip`,
    );
  }
  if (mode === "vip" && ports.length === 0) {
    throw new NetsvcError(
      "invalid",
      `The service "${name}" of mode vip needs a port: all others are refused at its address; give --port`,
    );
  }
  const keys = ports.map(({ protocol, port }) => `${port}/${protocol}`);
  const twice = keys.find((key, n) => keys.indexOf(key) !== n);
  if (mode !== "vip" || twice === undefined) return;
  throw new NetsvcError("invalid", `The service "${name}" has the port ${twice} twice`);
}

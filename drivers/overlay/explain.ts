/**
 * What the kernel's refusals mean for an overlay. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import type { ObservedLink } from "../links/observe.ts";
import { ToolError } from "../runner.ts";
import { vniOf } from "./options.ts";
import type { OverlayShape } from "./plan.ts";

const CLASH = /VXLAN device with the specified VNI already exists/;

/** Whether another tunnel of this host has the VNI. */
export function isClash(error: unknown): boolean {
  return error instanceof ToolError && CLASH.test(error.stderr);
}

/** The error with what to do about it; the kernel's own words are its cause. */
export function explain(
  error: unknown,
  { network, port }: OverlayShape,
  hostLinks: ObservedLink[],
): unknown {
  if (!(error instanceof ToolError)) return error;
  const failed = `Cannot bring up network "${network.name}"`;
  const because = (code: "exists" | "in_use" | "unsupported", why: string) =>
    new NetsvcError(code, `${failed}: ${why}`, { cause: error });
  if (isClash(error)) {
    const vni = vniOf(network);
    const other = hostLinks.find(({ linkinfo }) =>
      linkinfo?.info_kind === "vxlan" && linkinfo.info_data?.id === vni
    );
    const owner = other ? `the link "${other.ifname}"` : "another tunnel";
    return because(
      "exists",
      `${owner} of this host has VNI ${vni} already; remove it or choose another with -o vni=`,
    );
  }
  if (/Address already in use/.test(error.stderr)) {
    return because(
      "in_use",
      `another program of this host has UDP port ${port}; end it or give all daemons another ` +
        `--overlay-port`,
    );
  }
  if (/Unknown device type|Operation not supported/.test(error.stderr)) {
    return because(
      "unsupported",
      "this kernel has no VXLAN; load the module vxlan or use a kernel with CONFIG_VXLAN",
    );
  }
  return error;
}

/**
 * What the kernel's refusals mean for an overlay. Pure.
 *
 * @module
 */
import { type ErrorCode, NetsvcError } from "../../lib/api/errors.ts";
import type { ObservedLink } from "../links/observe.ts";
import { ToolError } from "../../lib/linux/tools/runner.ts";
import { vniOf } from "./options.ts";
import type { OverlayShape } from "./plan.ts";

function says(error: unknown, words: RegExp): error is ToolError {
  return error instanceof ToolError && words.test(error.stderr);
}

/** Whether another tunnel of this host has the VNI. */
export function isClash(error: unknown): boolean {
  return says(error, /VXLAN device with the specified VNI already exists/);
}

/** An error with what to do about it; the kernel's own words are its cause. */
function because(code: ErrorCode, { network }: OverlayShape, why: string, cause: unknown) {
  return new NetsvcError(code, `Cannot bring up network "${network.name}": ${why}`, { cause });
}

/** Why the tunnel can't be made beside `hostLinks`. */
export function explainTunnel(
  error: unknown,
  shape: OverlayShape,
  hostLinks: ObservedLink[],
): unknown {
  if (isClash(error)) {
    const vni = vniOf(shape.network);
    const other = hostLinks.find(({ linkinfo }) =>
      linkinfo?.info_kind === "vxlan" && linkinfo.info_data?.id === vni
    );
    const owner = other ? `the link "${other.ifname}"` : "another tunnel";
    return because(
      "exists",
      shape,
      `${owner} of this host has VNI ${vni} already; remove it or choose another with -o vni=`,
      error,
    );
  }
  if (says(error, /Unknown device type|Operation not supported/)) {
    return because(
      "unsupported",
      shape,
      "this kernel has no VXLAN; load the module vxlan or use a kernel with CONFIG_VXLAN",
      error,
    );
  }
  return error;
}

/** Why the tunnel, which is there, can't be brought up. */
export function explainState(error: unknown, shape: OverlayShape): unknown {
  if (!says(error, /Address already in use/)) return error;
  return because(
    "in_use",
    shape,
    `another program of this host has UDP port ${shape.port}; end it or give all daemons another ` +
      `--overlay-port`,
    error,
  );
}

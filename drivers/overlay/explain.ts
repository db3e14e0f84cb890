/**
 * What the kernel's refusals mean for an overlay. Pure.
 *
 * @module
 */
import { type ErrorCode, NetsvcError } from "../../lib/api/errors.ts";
import type { NetworkSpec } from "../driver.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import { isExisting, ToolError } from "../../lib/linux/tools/tool_error.ts";
import { vniOf } from "./options.ts";
import type { OverlayShape } from "./plan.ts";

/** An error that says what to do about a refusal; the kernel's own words are its cause. */
function because(code: ErrorCode, { network }: OverlayShape, why: string, cause: unknown) {
  return new NetsvcError(code, `Cannot bring up network "${network.name}": ${why}`, { cause });
}

/** Explains why the tunnel can't be made beside `hostLinks`. */
export function explainTunnel(
  error: unknown,
  { shape, hostLinks }: { shape: OverlayShape; hostLinks: ObservedLink[] },
): unknown {
  // Its namespace has no other link of its name.
  if (isExisting(error)) {
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
  if (error instanceof ToolError && error.errno === "EOPNOTSUPP") {
    return because(
      "unsupported",
      shape,
      "this kernel has no VXLAN; load the module vxlan or use a kernel with CONFIG_VXLAN",
      error,
    );
  }
  return error;
}

/** Explains why an existing tunnel can't be brought up. */
export function explainState(error: unknown, shape: OverlayShape): unknown {
  if (!(error instanceof ToolError && error.errno === "EADDRINUSE")) return error;
  return because(
    "in_use",
    shape,
    `another program of this host has UDP port ${shape.port}; end it or give all daemons another ` +
      `--overlay-port`,
    error,
  );
}

/** Explains why an encrypted network has no tunnel to be in. */
export function explainEncryption(error: unknown, network: NetworkSpec): unknown {
  if (!(error instanceof NetsvcError)) return error;
  return new NetsvcError(
    error.code,
    `Cannot bring up network "${network.name}", which is encrypted: ${error.message}`,
    { cause: error.cause },
  );
}

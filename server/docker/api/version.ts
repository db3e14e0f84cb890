/**
 * Versions of the Engine API. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

/** The newest version of the Engine API that netsvc supports. */
export const MAX_VERSION = "1.51";
/** The oldest version of the Engine API that netsvc supports. */
export const MIN_VERSION = "1.24";

const VERSIONED = /^\/v(\d+\.\d+)(\/.*)$/;
/** `Host` headers that Docker's clients send over a unix socket. */
export const DOCKER_HOSTS = ["docker", "api.moby.localhost"];

/** Compares two versions: negative, zero or positive. */
export function compareVersions(a: string, b: string): number {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [a, b].map((version) =>
    version.split(".").map(Number)
  ) as [number[], number[]];
  return major - otherMajor || minor - otherMinor;
}

/** Splits a path into its version, if it has one, and the rest. */
export function splitVersion(path: string): { version?: string; path: string } {
  const [, version, rest] = path.match(VERSIONED) ?? [];
  return version === undefined ? { path } : { version, path: rest! };
}

/** Refuses an unsupported version, with Docker's message. @throws {NetsvcError} `invalid` */
export function checkVersion(version: string): void {
  if (compareVersions(version, MAX_VERSION) > 0) {
    throw new NetsvcError(
      "invalid",
      `client version ${version} is too new. Maximum supported API version is ${MAX_VERSION}`,
    );
  }
  if (compareVersions(version, MIN_VERSION) < 0) {
    throw new NetsvcError(
      "invalid",
      `client version ${version} is too old. Minimum supported API version is ${MIN_VERSION}, ` +
        `please upgrade your client to a newer version`,
    );
  }
}

/**
 * Versions of etcd, and which may follow which. Pure. Source: etcd's upgrade guides, from 3.4 on.
 *
 * @module
 */

/** Major, minor and patch version. */
export type Version = [major: number, minor: number, patch: number];

/** Up to 3.5.19 a promoted learner is one again after the upgrade to 3.6 (etcd's issue 19557). */
const SAFE_BEFORE_3_6: Version = [3, 5, 20];

/** A version from its text, e.g. `3.5.21`; `undefined` where it is none. */
export function parseVersion(text: string): Version | undefined {
  const match = text.match(/^v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:[-+].*)?$/);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

/** Whether a version is another or a later one. */
export function isAtLeast(version: Version, other: Version): boolean {
  return compare(version, other) >= 0;
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** Whether two versions differ in more than their patch. */
export function isSameMinor(a: Version, b: Version): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/**
 * Why data of one version can't be taken over by another; `undefined` where it can.
 *
 * @param from what has run on the data
 * @param to what is to run on it
 */
export function whyNoUpgrade(from: Version, to: Version): string | undefined {
  const [was, is] = [from.join("."), to.join(".")];
  if (isSameMinor(from, to)) return undefined;
  if (!isAtLeast(to, from)) {
    return `etcd ${is} can't read what etcd ${was} has written; go on with ${from[0]}.${from[1]}`;
  }
  if (from[0] !== to[0] || to[1] !== from[1] + 1) {
    return `etcd goes from one minor version to the next: after ${was} comes ${from[0]}.${
      from[1] + 1
    }, not ${is}`;
  }
  if (to[0] === 3 && to[1] === 6 && !isAtLeast(from, SAFE_BEFORE_3_6)) {
    return `etcd ${was} loses votes on its way to ${is}; take ${SAFE_BEFORE_3_6.join(".")} first`;
  }
  return undefined;
}

/** From this version on an etcd can't read some of what those before it have left in their logs. */
const NEEDS_SETTLED: Version = [3, 7, 0];

/** Whether an etcd may die of a log, or of entries of one, that another version has written. */
export function cannotReadLog(own: Version, writer: Version): boolean {
  return isAtLeast(own, NEEDS_SETTLED) && !isAtLeast(writer, NEEDS_SETTLED);
}

/**
 * Whether an etcd can be a new member beside others: of the lowest minor version among them, or of the next, where it can
 * read what they send it of their logs.
 */
export function fitsBeside(own: Version, lowest: Version): boolean {
  if (own[0] !== lowest[0] || cannotReadLog(own, lowest)) return false;
  return own[1] === lowest[1] || own[1] === lowest[1] + 1;
}

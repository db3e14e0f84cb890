/**
 * Whether a disk has room for an etcd.
 *
 * @module
 */
import { dirname } from "node:path";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { freeBytes, megabytes } from "../../../lib/linux/disk.ts";

/**
 * What a new etcd takes, in bytes: its log is made of parts of 64 MB, of which it makes the next beforehand
 * (`SegmentSizeBytes` of etcd's `wal/wal.go`).
 */
export const NEEDED = 140_000_000;
/** What one that runs needs now and then, in bytes: the next part of its log. */
export const NEXT_PART = 64 * 1024 * 1024;

/** Bytes that are free for a directory that may be yet to make; `undefined` where that can't be told. */
export function freeFor(directory: string): number | undefined {
  for (let at = directory;; at = dirname(at)) {
    const free = freeBytes(at);
    if (free !== undefined || at === dirname(at)) return free;
  }
}

/** @throws {NetsvcError} `exhausted` where a new etcd has no room for its data */
export function needRoom(directory: string): void {
  const free = freeFor(directory);
  if (free === undefined || free >= NEEDED) return;
  throw new NetsvcError(
    "exhausted",
    `The disk of "${directory}" has ${megabytes(free)} free, and a cluster's etcd needs about ${
      megabytes(NEEDED)
    } at first; free space on it, or give the daemon another --state-dir`,
  );
}

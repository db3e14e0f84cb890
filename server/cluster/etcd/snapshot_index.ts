/**
 * How far the raft snapshots of an etcd go, by the names of their files: `TERM-INDEX.snap`, in hexadecimal.
 *
 * @module
 */

const NAME = /^[0-9a-f]{16}-([0-9a-f]{16})\.snap$/;

/** @param data directory of etcd. @returns the last index that a snapshot holds; 0 without any */
export async function snapshotIndex(data: string): Promise<number> {
  let last = 0;
  try {
    for await (const { name } of Deno.readDir(`${data}/member/snap`)) {
      const index = NAME.exec(name)?.[1];
      if (index !== undefined) last = Math.max(last, Number.parseInt(index, 16));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return last;
}

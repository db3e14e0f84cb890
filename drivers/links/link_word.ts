/**
 * How `ip` is told a link without its name, which may be another link's by then.
 *
 * @module
 */
import { indexWord } from "../../lib/linux/net/ip_batch.ts";
import { linkIndex } from "../../lib/linux/net/netdevice.ts";

/**
 * The word for a link of the calling thread's namespace: its index, unless a link has that word for its name, which
 * `ip` looks for first.
 */
export function linkWord(name: string, index: number): string {
  const word = indexWord(index);
  return linkIndex(word) === undefined ? word : name;
}

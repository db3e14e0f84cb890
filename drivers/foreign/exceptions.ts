/**
 * How netsvc's rules in others' chains are known. Pure.
 *
 * @module
 */
import type { NftRule } from "./nft_rules.ts";

/** The comment of all of them. */
export const TAG = "netsvc";

/** Whether a line of `iptables -S` is one of netsvc's. */
export function isExceptionLine(line: string): boolean {
  return line.includes(`--comment ${TAG} `);
}

/** Whether a listed rule is one of netsvc's, by iptables or not. */
export function isExceptionRule({ comment, expr }: NftRule): boolean {
  return comment === TAG && expr.some((expression) => "accept" in expression);
}

/**
 * How netsvc's rules in other owners' chains are recognised. Pure.
 *
 * @module
 */
import type { NftRule } from "./nft_rules.ts";

/** The comment of all these rules. */
export const TAG = "netsvc";

/** Whether a line of `iptables -S` is one of netsvc's. */
export function isExceptionLine(line: string): boolean {
  return line.includes(`--comment ${TAG} `);
}

/** Whether a listed rule is one of netsvc's, made by iptables or nft. */
export function isExceptionRule({ comment, expr }: NftRule): boolean {
  return comment === TAG && expr.some((expression) => "accept" in expression);
}

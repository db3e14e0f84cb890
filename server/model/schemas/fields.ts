/**
 * Fields of records of the shared store, each as strict as what it is used for. Pure.
 *
 * @module
 */
import { z } from "zod";
import {
  isHostIp,
  isLinkAddress,
  parseCidr,
  parseCidrAddress,
  parseIp,
  tryParseIp,
} from "../../../lib/ip/cidr.ts";

/** A MAC address of one station, not of a group (IEEE 802, 8.2). */
const MAC = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
/** Control characters; those of Unicode that turn the direction of a line, or can't be seen, among them. */
// deno-lint-ignore no-control-regex -- the expression is meant to match them
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
/** Most items of a list in a record. */
export const MAX_ITEMS = 256;

/** A text that passes one of the API's checks, which throw. */
export function checked(check: (text: string) => unknown) {
  return z.string().max(256).superRefine((text, context) => {
    try {
      check(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message.slice(0, 200) });
    }
  });
}

/** One line of text for people, whole characters only. */
export const line = (max: number) =>
  z.string().min(1).max(max)
    .refine((text) => text.isWellFormed() && !CONTROL.test(text), "no plain text");
/** A user's text, which may have several lines. */
export const words = (max: number) =>
  z.string().max(max).refine((text) => text.isWellFormed() && !text.includes("\0"), "no text");
export const list = <T extends z.ZodType>(item: T) => z.array(item).max(MAX_ITEMS);
export const strings = z.record(words(255), words(4096)).superRefine((values, context) => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    if (Object.hasOwn(values, key)) context.addIssue({ code: "custom", message: `a key ${key}` });
  }
});
export const id = z.string().regex(/^[0-9a-f]{64}$/);
export const time = z.string().regex(TIME).refine((text) => !Number.isNaN(Date.parse(text)));
export const ip = checked(parseIp);
export const hostIp = ip.refine((text) => {
  const address = tryParseIp(text);
  return address === undefined || isHostIp(address);
}, "no host's address");
export const subnet = checked(parseCidr);
export const addresses = list(checked((text) => {
  if (!isLinkAddress(parseCidrAddress(text))) throw new Error("no link can have it");
}));
export const mac = z.string().regex(MAC).refine((text) => text !== "00:00:00:00:00:00");
export const port = z.int().min(1).max(65535);

/**
 * Reports of the daemon: versions, events, findings, errors.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { ERROR_STATUS, type ErrorCode } from "../errors.ts";
import { time } from "./fields.ts";

/** Result of a removal. */
export const Removed = z.object({
  name: z.string(),
  cut: z.array(z.string()).describe("What a forced removal cut, in words for people"),
}).openapi("Removed");

/** Answer of `GET /version`. */
export const VersionInfo = z.object({
  version: z.string(),
  deno: z.string(),
  os: z.string(),
  arch: z.string(),
  kernel: z.string(),
  defaultNetwork: z.string(),
}).openapi("VersionInfo");

/** One event of `GET /events` (server-sent events; `event:` is TYPE.ACTION). */
export const NetsvcEvent = z.object({
  type: z.enum(["network", "service", "container"]),
  action: z.enum([
    "create",
    "remove",
    "publish",
    "unpublish",
    "attach",
    "detach",
    "update",
    "start",
    "die",
  ]),
  id: z.string(),
  name: z.string(),
  time,
  attributes: z.record(z.string(), z.string()),
}).openapi("NetsvcEvent");

/** What a check of the doctor found. */
export const Finding = z.object({
  check: z.string().describe("What was checked, in a word: tools, store, underlay, …"),
  status: z.enum(["ok", "warning", "problem", "skipped"])
    .describe("problem: something doesn't work; warning: it works, but not as well as it should"),
  message: z.string().describe("In plain words"),
  remedy: z.string().describe("What to do about it").exactOptional(),
}).openapi("Finding");

/** One line of `GET /doctor`: a check begins, or has found something. */
export const DoctorLine = z.union([z.object({ checking: z.string() }), Finding])
  .openapi("DoctorLine");

/** The body of an error answer (RFC 9457), with netsvc's `code`. */
export const Problem = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]])
    .describe("Stable; what programs compare"),
  causes: z.array(z.string()).describe("Messages of the causes, outermost first").exactOptional(),
}).openapi("Problem");

/**
 * The daemon's log: lines on standard error.
 *
 * @module
 */
import { configure, getLevelFilter, type LogLevel, type LogRecord } from "@logtape/logtape";
import { errorChain } from "../../lib/api/errors.ts";
import type { DaemonSettings } from "../../lib/api/settings/settings.ts";

/** Maps the levels of the settings to logtape's names. */
const NAMES: Record<DaemonSettings["logLevel"], LogLevel> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
  fatal: "fatal",
};

function formatValue(value: unknown): string {
  if (value instanceof Error) return errorChain(value).join(": ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * What would begin another line, or move a terminal's cursor, its text's direction or colour: control characters and
 * separators of lines. Texts of others (hosts, containers, servers) come into the log.
 */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function escaped(character: string): string {
  const short = ({ "\n": "\\n", "\r": "\\r", "\t": "\\t" } as Record<string, string>)[character];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One line of the log. Pure. */
export function formatRecord({ timestamp, level, category, message }: LogRecord): string {
  const text = message.map((part, i) => i % 2 === 0 ? part : formatValue(part)).join("")
    .replaceAll(UNPRINTABLE, escaped);
  const time = new Date(timestamp).toISOString();
  return `${time} ${level.padEnd(7)} ${category.slice(1).join(".")}: ${text}`;
}

/** Configures the log to show `level` and anything more severe. */
export async function startLogging(level: DaemonSettings["logLevel"]): Promise<void> {
  const encoder = new TextEncoder();
  await configure({
    sinks: { stderr: (record) => writeStderr(encoder.encode(`${formatRecord(record)}\n`)) },
    filters: { level: getLevelFilter(NAMES[level]) },
    loggers: [
      { category: "netsvc", sinks: ["stderr"], filters: ["level"] },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
}

function writeStderr(bytes: Uint8Array): void {
  try {
    Deno.stderr.writeSync(bytes);
  } catch {
    // The reader of standard error has closed it; the daemon continues without a log.
  }
}

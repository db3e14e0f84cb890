/**
 * `netsvc doctor`.
 *
 * @module
 */
import type { Command } from "commander";
import { NetsvcError } from "../../lib/api/errors.ts";
import { findProgram, installHint, TOOLS } from "../../lib/linux/tools/tools.ts";
import type { Finding } from "../../lib/api/types.ts";
import { option } from "../completion/declare.ts";
import { clientFor, print, QuietExit } from "../context.ts";
import { checkFormat } from "../output/format.ts";
import { fillTemplate, type Row, unescapeTemplate } from "../output/template.ts";

const FORMATS = ["table", "json"];
const MARKS: Record<Finding["status"], string> = {
  ok: "✓",
  warning: "!",
  problem: "✗",
  skipped: "-",
};
/** SGR codes of terminals (ECMA-48): green, yellow, red, faint. */
const COLOURS: Record<Finding["status"], number> = { ok: 32, warning: 33, problem: 31, skipped: 2 };
/** Column in which messages begin, and the remedies below them. */
const INDENT = 14;

/** The lines of a finding. */
function formatFinding(
  { check, status, message, remedy }: Finding,
  colour: boolean,
): string {
  const mark = colour ? `\x1b[${COLOURS[status]}m${MARKS[status]}\x1b[0m` : MARKS[status];
  const line = `${mark} ${check.padEnd(INDENT - 2)}${message}\n`;
  return remedy === undefined ? line : `${line}${" ".repeat(INDENT)}→ ${remedy}\n`;
}

/** The last line: the number of findings of each kind. */
export function summary(findings: Finding[]): string {
  const count = (status: Finding["status"], word: string) => {
    const n = findings.filter((finding) => finding.status === status).length;
    return n === 0 ? [] : [`${n} ${word}${n === 1 ? "" : "s"}`];
  };
  const wrong = [...count("problem", "problem"), ...count("warning", "warning")];
  return wrong.length === 0 ? "Nothing is wrong\n" : `${wrong.join(", ")}\n`;
}

/** Findings that need no daemon. */
function withoutDaemon(error: NetsvcError): Finding[] {
  const [message, remedy] = error.message.split(": ").length > 1
    ? [
      error.message.slice(0, error.message.lastIndexOf(": ")),
      error.message.slice(error.message.lastIndexOf(": ") + 2),
    ]
    : [error.message, `Start it with "netsvc -d"`];
  // The programs count where the daemon is to run.
  const here = error.message.includes(" at unix:");
  const missing = Object.keys(TOOLS).filter((name) => here && findProgram(name) === undefined);
  return [
    {
      check: "daemon",
      status: "problem",
      message: `${message}; it makes all other checks`,
      remedy: remedy.charAt(0).toUpperCase() + remedy.slice(1),
    },
    ...missing.map((name): Finding => {
      const { optional } = TOOLS[name]!;
      return {
        check: "tools",
        status: optional === undefined ? "problem" : "warning",
        message: `The program "${name}" is missing${optional === undefined ? "" : `: ${optional}`}`,
        remedy: installHint(name),
      };
    }),
  ];
}

/** Shows the running check on a terminal, and erases it afterwards. */
function progress(text: string): void {
  if (Deno.stderr.isTerminal()) {
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  }
}

async function doctor({ format }: { format: string }, command: Command): Promise<void> {
  checkFormat(format, { command: "doctor", words: FORMATS });
  const table = format === "table" || format === "";
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  const findings: Finding[] = [];
  const tell = (finding: Finding) => {
    progress("");
    findings.push(finding);
    if (table) print(formatFinding(finding, colour));
    else if (format !== "json") {
      const { check, status, message, remedy = "" } = finding;
      const row: Row = { Check: check, Status: status, Message: message, Remedy: remedy };
      print(`${fillTemplate(unescapeTemplate(format), row)}\n`);
    }
  };
  // That the store is away is a finding.
  using client = clientFor(command, () => {});
  try {
    for await (const line of client.doctor()) {
      if ("checking" in line) progress(`Checking ${line.checking} …`);
      else tell(line);
    }
  } catch (error) {
    progress("");
    if (!(error instanceof NetsvcError) || error.code !== "unavailable") throw error;
    withoutDaemon(error).forEach(tell);
  }
  progress("");
  if (format === "json") print(`${JSON.stringify(findings, null, 2)}\n`);
  if (table) print(summary(findings));
  if (findings.some(({ status }) => status === "problem")) throw new QuietExit(1);
}

export function addDoctorCommand(program: Command): void {
  program.command("doctor").usage("[OPTIONS]")
    .description("Check this host and the way to its peers, and say what to do")
    .addOption(
      option("--format <FORMAT>", `"table", "json" or a template like '{{.Check}} {{.Status}}'`)
        .completedBy(FORMATS).default("table"),
    )
    .action(doctor);
}

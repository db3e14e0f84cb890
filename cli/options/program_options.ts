/**
 * Options of the program itself: where the daemon is, and the daemon's settings.
 *
 * @module
 */
import type { Command } from "commander";
import { LOG_LEVELS, type Setting, SETTINGS } from "../../lib/api/settings/settings.ts";
import { collect } from "./collect.ts";
import { option } from "../completion/declare.ts";

const HOST = "Daemon's address: unix:///PATH, tcp://HOST:PORT or tls://HOST:PORT";
const HOSTS = [...SETTINGS.hosts.default, "tcp://", "tls://"];
const TLS_CA = "Certificates that vouch for the daemon's; TCP is then TLS";

/** Settings of the daemon on the command line besides those that the client has too. */
export function addDaemonOptions(program: Command): Command {
  program.option("-d, --daemon", "Run the daemon");
  for (const setting of Object.values<Setting>(SETTINGS)) {
    if (setting.help !== undefined) program.addOption(settingOption(setting));
  }
  return program;
}

function settingOption({ name, kind, placeholder, help, default: value }: Setting) {
  const word = { required: ` <${placeholder}>`, optional: ` [${placeholder}]`, none: "" };
  const usual = ["string", "number"].includes(typeof value) ? ` (${value})` : "";
  const made = option(`--${name}${word[kind.value]}`, `Daemon: ${help}${usual}`)
    .completedBy(kind.completes ?? []);
  return kind.repeatable ? made.argParser(collect) : made;
}

/** Adds the options of every command. */
export function addGlobalOptions(program: Command): Command {
  return program
    .addOption(option("-H, --host <URL>", HOST).completedBy(HOSTS).repeatable())
    .addOption(
      option("-l, --log-level <LEVEL>", `One of ${LOG_LEVELS.join(", ")}`).completedBy(LOG_LEVELS),
    )
    .option("-D, --debug", "Tell more: causes of errors; the daemon logs at level debug")
    .addOption(
      option("--config <FILE>", "Settings of the daemon, YAML or JSON, by their names").completedBy(
        "files",
      ),
    )
    .addOption(
      option("--token-file <FILE>", "File with the bearer token for TCP").completedBy("files"),
    )
    .addOption(option("--tls-ca <FILE>", TLS_CA).completedBy("files"))
    .option("-v, --version", "Print the version");
}

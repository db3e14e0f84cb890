/**
 * The daemon's settings: defaults, then the configuration file, then the command line.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { BY_NAME, type DaemonSettings, DEFAULT_SETTINGS } from "../../lib/api/settings/settings.ts";

/** What the command line gave, by the names of settings. */
export type GivenSettings = Record<string, string | string[] | boolean | undefined>;

/** Where settings come from, for messages. */
interface Source {
  named: (name: string) => string;
  words: string;
}

const COMMAND_LINE: Source = { named: (name) => `--${name}`, words: "" };
const fileAt = (path: string): Source => ({ named: (name) => name, words: ` in "${path}"` });

function apply(settings: DaemonSettings, given: Record<string, unknown>, source: Source): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const known = BY_NAME.get(name);
    if (!known) {
      throw new NetsvcError(
        "invalid",
        `Unknown setting "${name}"${source.words}; known: ${[...BY_NAME.keys()].join(", ")}`,
      );
    }
    const { field, setting: { kind } } = known;
    const read = kind.read(value);
    if (read === undefined) {
      throw new NetsvcError(
        "invalid",
        `Invalid ${source.named(name)} ${JSON.stringify(value)}${source.words}: give ${kind.form}`,
      );
    }
    Object.assign(settings, { [field]: read });
  }
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  let parsed: unknown;
  try {
    // Loaded for a file alone. JSON is YAML.
    const { parseYaml } = await import("./parse_yaml.ts");
    parsed = parseYaml(Deno.readTextFileSync(path)) ?? {};
  } catch (error) {
    // The further lines of the parser's message quote the text around the mistake.
    const [why] = errorChain(error)[0]!.split(";");
    throw new NetsvcError("invalid", `Cannot read --config "${path}": ${why!.replace(/:$/, "")}`);
  }
  if (typeof parsed === "object" && !Array.isArray(parsed)) {
    return parsed as Record<string, unknown>;
  }
  throw new NetsvcError(
    "invalid",
    `The file "${path}" holds no settings; write "name: value" lines`,
  );
}

/** The settings of a daemon. @throws {NetsvcError} `invalid` naming setting, source and remedy */
export async function daemonSettings(
  given: GivenSettings,
  config?: string,
): Promise<DaemonSettings> {
  const settings: DaemonSettings = { ...DEFAULT_SETTINGS };
  if (config !== undefined) apply(settings, await readConfig(config), fileAt(config));
  apply(settings, given, COMMAND_LINE);
  return settings;
}

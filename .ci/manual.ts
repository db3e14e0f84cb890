/** `./task manual`: writes what the manual has from the program, the table of settings, again. */
import { type Setting, SETTINGS } from "../lib/api/settings/settings.ts";

function defaultText({ default: value, found }: Setting): string {
  if (found !== undefined) return found;
  return value === undefined || value === false ? "" : `\`${value}\``;
}

/** The table of docs/daemon.md, in Markdown. */
export function settingsTable(): string {
  const rows = Object.values<Setting>(SETTINGS).map((setting) => {
    const letter = setting.short === undefined ? "" : ` (\`${setting.short}\`)`;
    return `| \`${setting.name}\`${letter} | ${defaultText(setting)} | ${setting.manual} |\n`;
  });
  return `| setting | default | meaning |\n|---|---|---|\n${rows.join("")}`;
}

if (import.meta.main) {
  const file = new URL("../docs/daemon.md", import.meta.url);
  const manual = await Deno.readTextFile(file);
  await Deno.writeTextFile(
    file,
    manual.replace(/^\| setting \| .*\n(\|.*\n)+/m, () => settingsTable()),
  );
}

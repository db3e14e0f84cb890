/**
 * The packages that netsvc is built from, as the lock file has them: `./task packages` lists each with its
 * licence, `./task check` fails on one whose content isn't vouched for.
 */
const root = new URL("../", import.meta.url);
const lock: { npm: Record<string, { integrity?: string }> } = JSON.parse(
  await Deno.readTextFile(new URL("deno.lock", root)),
);

/** `@scope/name@1.2.3` or `name@1.2.3_peer@4` as name and version. */
function split(key: string): { name: string; version: string } {
  const at = key.indexOf("@", 1);
  return { name: key.slice(0, at), version: key.slice(at + 1).split("_")[0]! };
}

const unchecked = Object.entries(lock.npm)
  .filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ""))
  .map(([key]) => key);
if (unchecked.length > 0) {
  console.error(`Without integrity in deno.lock: ${unchecked.join(", ")}`);
  Deno.exit(1);
}
if (Deno.args[0] === "--check") Deno.exit(0);

/** Where Deno keeps packages: a folder for each registry. */
const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"], cwd: root })
  .output();
const { npmCache } = JSON.parse(new TextDecoder().decode(info.stdout)) as { npmCache: string };
const registries = [...Deno.readDirSync(npmCache)].map(({ name }) => `${npmCache}/${name}`);

/** The licence that a package states; undefined where it isn't installed, as another system's half. */
async function licence(name: string, version: string): Promise<string | undefined> {
  for (const registry of registries) {
    const text = await Deno.readTextFile(`${registry}/${name}/${version}/package.json`)
      .catch(() => undefined);
    if (text !== undefined) return JSON.parse(text).license ?? "not stated";
  }
  return undefined;
}

for (const { name, version } of Object.keys(lock.npm).map(split)) {
  console.log(`${name} ${version}: ${await licence(name, version) ?? "not installed here"}`);
}

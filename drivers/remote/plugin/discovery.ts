/**
 * Finds a plugin by its name, in the places of Docker's plugins.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { parseJsonFile, parseSpecFile, type PluginEndpoint } from "./address.ts";

/** Directories to search, in order. */
export interface PluginPlaces {
  /** Of sockets. */
  sockets: string[];
  /** Of `.spec` and `.json` files. */
  specs: string[];
}

/** The directories that Docker searches. */
export const PLUGIN_PLACES: PluginPlaces = {
  sockets: ["/run/docker/plugins"],
  specs: ["/etc/docker/plugins", "/usr/lib/docker/plugins"],
};

/** Valid names of plugins: each stays one component of a path. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Largest plugin file, a line or a small object; in bytes. */
const MAX_FILE_SIZE = 64 * 1024;

/** A plugin that was found. */
export interface FoundPlugin {
  /** The socket or file in which it was found. */
  source: string;
  /** Changes with the source: a new socket, or an edited file. */
  stamp: string;
  endpoint: PluginEndpoint;
}

/** The current stamp of a source; empty when the source no longer exists. */
export async function sourceStamp(source: string): Promise<string> {
  const stat = await statOf(source);
  return stat ? stampOf(stat) : "";
}

function stampOf({ ino, mtime }: Deno.FileInfo): string {
  return `${ino}:${mtime?.getTime()}`;
}

/** Checks a plugin's name. @throws {NetsvcError} `invalid` */
export function checkPluginName(name: string): void {
  if (NAME.test(name)) return;
  throw new NetsvcError(
    "invalid",
    `Invalid plugin name ${JSON.stringify(name)}: use 1 to 64 letters, digits, "_", "-" and ".", ` +
      `beginning with a letter or digit`,
  );
}

/**
 * Looks for a plugin: a socket first, then a `.spec` or `.json`. Takes the first one found, as Docker does, even
 * when its address leads nowhere.
 *
 * @throws {NetsvcError} `not_found` naming all places; `invalid` about a file or the name
 */
export async function discoverPlugin(
  name: string,
  places: PluginPlaces = PLUGIN_PLACES,
): Promise<FoundPlugin> {
  checkPluginName(name);
  const tried: string[] = [];
  for (const path of pluginPaths(places.sockets, name, [".sock"])) {
    tried.push(path);
    const stat = await statOf(path);
    if (stat?.isSocket) {
      return { source: path, stamp: stampOf(stat), endpoint: { kind: "unix", path } };
    }
  }
  for (const path of pluginPaths(places.specs, name, [".spec", ".json"])) {
    tried.push(path);
    const stat = await statOf(path);
    if (!stat) continue;
    if (!stat.isFile || stat.size > MAX_FILE_SIZE) {
      throw new NetsvcError(
        "invalid",
        `Invalid plugin file "${path}": it is not a file of at most ${MAX_FILE_SIZE} bytes`,
      );
    }
    const parse = path.endsWith(".json") ? parseJsonFile : parseSpecFile;
    const endpoint = parse(path, await Deno.readTextFile(path));
    return { source: path, stamp: stampOf(stat), endpoint };
  }
  throw new NetsvcError(
    "not_found",
    `No such plugin: "${name}"; looked for ${tried.join(", ")}`,
  );
}

function pluginPaths(directories: string[], name: string, extensions: string[]): string[] {
  return directories.flatMap((directory) =>
    extensions.flatMap((extension) => [
      `${directory}/${name}${extension}`,
      `${directory}/${name}/${name}${extension}`,
    ])
  );
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw new NetsvcError("unavailable", `Cannot look at "${path}"`, { cause: error });
  }
}

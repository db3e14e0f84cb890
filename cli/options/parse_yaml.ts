/**
 * The parser of settings files, apart since few starts have one. Imported statically here: a package of CommonJS that is
 * imported dynamically itself has no names in the bundle.
 *
 * @module
 */
import { parse } from "yaml";

/** The value of a YAML document. @throws {Error} naming line and column */
export function parseYaml(text: string): unknown {
  return parse(text);
}

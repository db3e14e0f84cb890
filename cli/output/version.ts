/**
 * What this program is.
 *
 * @module
 */
import deno from "../../deno.json" with { type: "json" };

/** Version of this program. */
export const VERSION: string = deno.version;

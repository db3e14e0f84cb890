/**
 * What the executable tells V8.
 *
 * @module
 */

/**
 * A daemon lives long and does little: what is young is collected often and briefly, instead of growing to 16 MiB in
 * each thread, and what the start leaves is collected at its end.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=1,--initial-old-space-size=12";

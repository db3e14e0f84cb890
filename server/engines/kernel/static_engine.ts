/**
 * Engines that are a look at the kernel: nothing runs them, and nothing tells what happens.
 *
 * @module
 */
import type { Engine, ForeignContainer } from "../engine.ts";

/** Makes such an engine. */
export function unwatched(
  name: string,
  look: (reference: string) => ForeignContainer | undefined,
): Engine {
  return {
    name,
    find: (reference) => Promise.resolve(reference).then(look),
    watch: (listener) => {
      listener({ type: "gap" });
      return Promise.resolve();
    },
  };
}

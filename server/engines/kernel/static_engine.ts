/**
 * Engines that only read the kernel: no program runs behind them, and they emit no events.
 *
 * @module
 */
import type { Engine, ForeignContainer } from "../engine.ts";

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

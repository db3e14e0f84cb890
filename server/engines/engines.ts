/**
 * Finds a container among all engines of this host.
 *
 * @module
 */
import { isAway, NetsvcError } from "../../lib/api/errors.ts";
import type { Engine, ForeignContainer } from "./engine.ts";

/** The engines by name, and the syntax of references that select one. */
export class Engines {
  readonly #engines: Map<string, Engine>;
  readonly #named: Set<string>;

  /**
   * @param asked engines that look up any reference
   * @param named engines that only look up `NAME:REFERENCE`
   */
  constructor(asked: Engine[], named: Engine[] = []) {
    this.#engines = new Map([...asked, ...named].map((engine) => [engine.name, engine]));
    this.#named = new Set(named.map(({ name }) => name));
  }

  /** An engine by name. */
  get(name: string): Engine | undefined {
    return this.#engines.get(name);
  }

  /**
   * A container by name or (partial) id, or by `ENGINE:REFERENCE`; `undefined` when no engine has it. An
   * unreachable engine is an error only when no other engine has the container.
   *
   * @throws {NetsvcError} `ambiguous` naming the engines; `invalid`, `unavailable`, `timeout`
   */
  async find(reference: string): Promise<ForeignContainer | undefined> {
    const [, prefix, rest] = reference.match(/^([a-z]+):(.*)$/s) ?? [];
    const one = prefix === undefined ? undefined : this.#engines.get(prefix);
    if (one) return await one.find(rest!);
    const asked = [...this.#engines.values()].filter(({ name }) => !this.#named.has(name));
    const results = await Promise.allSettled(asked.map((engine) => engine.find(reference)));
    const found = results.flatMap((result) =>
      result.status === "fulfilled" && result.value ? [result.value] : []
    );
    if (found.length > 1) {
      const choices = found.map(({ runtime }) => `${runtime}:${reference}`).join(" or ");
      throw new NetsvcError(
        "ambiguous",
        `"${reference}" is a container of ${
          found.map(({ runtime }) => runtime).join(" and of ")
        }; ` +
          `say which: ${choices}`,
      );
    }
    const refused = results.find((result) =>
      result.status === "rejected" && !isAway(result.reason)
    );
    if (refused?.status === "rejected") throw refused.reason;
    if (found[0]) return found[0];
    const away = results.find((result) => result.status === "rejected");
    if (away?.status === "rejected") throw away.reason;
    return undefined;
  }
}

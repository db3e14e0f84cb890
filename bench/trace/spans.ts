/**
 * Waits with names: what is recorded while one request is answered.
 *
 * @module
 */

/** One wait, or one piece of work that holds the event loop. */
export interface Span {
  name: string;
  /** Since the request came, in milliseconds. */
  start: number;
  ms: number;
  /** Whether nothing else ran meanwhile. */
  sync: boolean;
}

/** What is recorded at the moment. */
export class Recorder {
  #began = 0;
  #spans: Span[] | undefined;

  begin(): void {
    this.#began = performance.now();
    this.#spans = [];
  }

  /** Ends the recording and gives what was recorded, with those waits that are still open. */
  end(): Span[] {
    const spans = this.#spans ?? [];
    this.#spans = undefined;
    return spans;
  }

  /** Opens a span; call what it returns when it ends. */
  open(name: string, sync = false): () => void {
    const spans = this.#spans;
    if (!spans) return () => {};
    const span: Span = { name, start: performance.now() - this.#began, ms: NaN, sync };
    spans.push(span);
    return () => void (span.ms = performance.now() - this.#began - span.start);
  }

  /** Wraps a method of a class whose instances come later: each call is a span. */
  // deno-lint-ignore no-explicit-any -- methods of any class
  wrap<T extends object>(prototype: T, method: keyof T, name: (args: any[]) => string): void {
    // deno-lint-ignore no-explicit-any
    const original = prototype[method] as any;
    const open = (called: string, sync = false) => this.open(called, sync);
    // deno-lint-ignore no-explicit-any
    prototype[method] = function (this: T, ...args: any[]) {
      const close = open(name(args));
      const result = original.apply(this, args);
      if (result instanceof Promise) result.then(close, close);
      else close();
      return result;
    } as T[keyof T];
  }
}

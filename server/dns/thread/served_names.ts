/**
 * All sandboxes whose names are served, as the daemon tells of them: what runs on the thread.
 *
 * @module
 */
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import type { ServedSandbox } from "../served_sandbox.ts";
import type { ResolverServer } from "../server.ts";
import { Forwarder } from "../upstream/forwarder.ts";
import { Names } from "../zones/names.ts";
import type { OwnServers, Told } from "./messages.ts";

interface Served {
  sandbox: ServedSandbox;
  /** Servers of its own, if it has some. */
  own: OwnServers | undefined;
  forwarder?: Forwarder;
}

/** What it needs. */
export interface ServedNamesOptions {
  resolver: ResolverServer;
  /** Called when a ticket is done. */
  done: (ticket: number) => void;
  /** Called when a name was asked outside that is looked out for. */
  seen: (place: number) => void;
}

/** Takes what is told, in order. */
export class ServedNames {
  readonly #options: ServedNamesOptions;
  readonly #names = new Names();
  readonly #served = new Map<string, Served>();
  readonly #expected = new Map<string, Disposable>();

  constructor(options: ServedNamesOptions) {
    this.#options = options;
  }

  take(told: Told): void {
    const { type } = told;
    if (type === "names") {
      this.#names.apply(told.changes);
      for (const change of told.changes) {
        if (change.type !== "view") continue;
        const { container } = change;
        this.#served.get(container)?.sandbox.update(this.#names.view(container));
      }
    } else if (type === "serve") this.#serve(told);
    else if (type === "own") {
      const served = this.#served.get(told.container);
      if (served) served.own = told.own;
    } else if (type === "end") this.#end(told);
    else if (type === "expect") {
      const { name, seen } = told;
      this.#expected.set(
        name,
        this.#options.resolver.forwarder.expect(name, () => this.#options.seen(seen)),
      );
    } else {
      this.#expected.get(told.name)?.[Symbol.dispose]();
      this.#expected.delete(told.name);
    }
  }

  #serve({ container, sockets, own }: Told & { type: "serve" }): void {
    const { resolver } = this.#options;
    const view = this.#names.view(container);
    if (!own) {
      this.#served.set(container, { own, sandbox: resolver.serve(sockets, view) });
      return;
    }
    // The container's earlier servers may know names that no others do, and be reachable only from its sandbox.
    const current = () => this.#served.get(container)?.own ?? own;
    const forwarder = new Forwarder(
      () => current().servers.map((hostname) => ({ hostname })),
      {
        within: (action) => inNamespace(own.path, action),
        ...own.otherwise && { otherwise: resolver.forwarder },
      },
    );
    const search = () => current().search;
    const sandbox = resolver.serve(sockets, view, { forwarder, search });
    this.#served.set(container, { own, sandbox, forwarder });
  }

  #end({ container, finish, ticket }: Told & { type: "end" }): void {
    const { done } = this.#options;
    const served = this.#served.get(container);
    this.#served.delete(container);
    if (!served) return done(ticket);
    const { sandbox, forwarder } = served;
    const ended = () => {
      sandbox.close();
      done(ticket);
      // Its questions end by themselves, without an answer.
      forwarder?.close().catch(() => {});
    };
    if (finish) sandbox.finish().then(ended, ended);
    else ended();
  }
}

/**
 * A plugin: found and activated by its first call, again after a restart, and not called for a while when it is
 * dead.
 *
 * @module
 */
import { safely } from "../../../lib/api/safely.ts";
import { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { Circuit } from "./circuit.ts";
import { discoverPlugin, PLUGIN_PLACES, type PluginPlaces, sourceStamp } from "./discovery.ts";
import {
  PluginAnswerError,
  PluginRefusal,
  PluginUnimplemented,
  PluginUnreachable,
} from "../protocol/errors.ts";
import { goObject } from "../protocol/go_json.ts";
import { openTransport, type RawAnswer, type Transport } from "./transport.ts";

/** The types that a plugin may implement and netsvc calls. */
export type PluginType = "NetworkDriver" | "IpamDriver";

/** Deadlines of {@linkcode Plugin}, in milliseconds. */
export interface PluginLimits {
  /** One call, from the connection to the end of the answer. */
  call: number;
  /** From the first failure to connect to the last attempt. */
  dial: number;
}

/**
 * Docker gives its managed plugins 30 s per call, and each plugin 15 s to appear (again). A call that fails takes
 * 45 s at worst, and the calls that follow it fail at once.
 */
const LIMITS: PluginLimits = { call: 30_000, dial: 15_000 };
/** Between attempts to connect, in milliseconds. */
const DIAL_WAITS = [1_000, 2_000, 4_000, 8_000];
/** Longest text of a plugin's that goes into an error, in characters. */
const MAX_WORDS = 500;

export interface PluginOptions {
  places?: PluginPlaces;
  limits?: Partial<PluginLimits>;
  /** Aborts all calls, and rejects further ones. */
  signal?: AbortSignal;
}

export interface CallOptions {
  /** Don't wait for an unreachable plugin: fail at the first attempt to connect. */
  impatient?: boolean;
}

/** An activated plugin. */
export interface Session {
  implements: string[];
  transport: Transport;
  /** The source in which the plugin was found, and its stamp at that time. */
  source: string;
  stamp: string;
}

const ACTIVATION = goObject({ Implements: z.array(z.string()) });
/** `Err` of network drivers, `Error` of IPAM drivers; an empty one is no failure. */
const FAILURE = goObject({ Err: z.string().optional(), Error: z.string().optional() });

/** A plugin by name. All methods may run concurrently. */
export class Plugin {
  readonly name: string;
  readonly #places: PluginPlaces;
  readonly #limits: PluginLimits;
  readonly #signal: AbortSignal;
  readonly #circuit = new Circuit();
  #session: Promise<Session> | undefined;
  /** Time of the first failure to connect since the last success. */
  #lostSince: number | undefined;
  /** Whether the plugin was reachable before, so that it may just be restarting. */
  #wasThere = false;

  constructor(name: string, options: PluginOptions = {}) {
    this.name = name;
    this.#places = options.places ?? PLUGIN_PLACES;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#signal = options.signal ?? new AbortController().signal;
  }

  /**
   * The session, opened if there is none. All callers share it until the plugin is lost.
   *
   * @throws {NetsvcError} `not_found`, `invalid` (a plugin file), `unavailable`, `timeout`
   */
  session(options: CallOptions = {}): Promise<Session> {
    return this.#attempt(options, (session) => Promise.resolve(session));
  }

  /**
   * Calls `/TYPE.METHOD` and checks the answer.
   *
   * @throws {PluginRefusal} in the plugin's words
   * @throws {PluginUnimplemented} when it doesn't know the type or the method
   * @throws {NetsvcError} `unavailable`, `timeout`
   */
  async call<T>(
    call: { type: PluginType; method: string; body?: unknown; answer: z.ZodType<T> },
    options: CallOptions = {},
  ): Promise<T> {
    const method = `${call.type}.${call.method}`;
    let answer: RawAnswer;
    try {
      answer = await this.#attempt(options, (session) => {
        this.#checkImplements(session, call.type);
        return session.transport.post(method, call.body, this.#limits.call);
      });
    } catch (error) {
      // That the plugin doesn't exist says nothing about the object that the caller asked for.
      if (error instanceof NetsvcError && error.code === "not_found") {
        throw new PluginUnreachable(this.name, "dial", error.message, { cause: error });
      }
      throw error;
    }
    return this.#read(method, answer, call.answer);
  }

  #checkImplements(session: Session, type: PluginType): void {
    if (session.implements.includes(type)) return;
    throw new NetsvcError(
      "unsupported",
      `The plugin "${this.name}" is no ${type}; it implements ` +
        (session.implements.map((name) => JSON.stringify(name)).join(", ") || "nothing"),
    );
  }

  /** Runs `action` in a session; pauses and opens a new session where the plugin can't be reached. */
  async #attempt<T>(
    { impatient = false }: CallOptions,
    action: (session: Session) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 0;; attempt++) {
      // A plugin that was dead a moment ago gets one attempt, without pauses.
      const patient = !impatient && !this.#circuit.broken;
      if (attempt === 0) this.#circuit.enter();
      await this.#dropStale();
      const opening = this.#session ??= this.#open();
      try {
        const result = await action(await opening);
        this.#isWell();
        return result;
      } catch (error) {
        const lost = this.#isLost(error);
        if (!lost) {
          this.#isWell();
          throw error;
        }
        if (this.#session === opening) this.#session = undefined;
        const wait = patient && lost === "dial" ? this.#nextWait(attempt) : undefined;
        if (wait === undefined) {
          if (!this.#signal.aborted) this.#circuit.open(error as Error);
          throw error;
        }
        await this.#sleep(wait);
      }
    }
  }

  /**
   * A plugin that was restarted between two calls has a new socket: drops the session so that it is activated anew.
   */
  async #dropStale(): Promise<void> {
    const opening = this.#session;
    const session = await opening?.catch(() => undefined);
    if (!session || await sourceStamp(session.source) === session.stamp) return;
    if (this.#session === opening) this.#session = undefined;
  }

  /** Whether an error means that the session can't be used any more; `dial`: try once more. */
  #isLost(error: unknown): "dial" | "lost" | undefined {
    if (error instanceof PluginUnreachable) return error.kind === "dial" ? "dial" : "lost";
    // A socket or file that vanished while its plugin was in use may come back.
    const gone = error instanceof NetsvcError && error.code === "not_found";
    if (gone) return this.#wasThere ? "dial" : "lost";
    return error instanceof NetsvcError &&
        (error.code === "invalid" || error.code === "unavailable")
      ? "lost"
      : undefined;
  }

  #isWell(): void {
    this.#circuit.close();
    this.#lostSince = undefined;
  }

  #nextWait(attempt: number): number | undefined {
    const now = performance.now();
    this.#lostSince ??= now;
    const wait = DIAL_WAITS[attempt];
    return wait !== undefined && now + wait <= this.#lostSince + this.#limits.dial
      ? wait
      : undefined;
  }

  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const wake = () => resolve();
    this.#signal.addEventListener("abort", wake, { once: true });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", wake);
    });
  }

  async #open(): Promise<Session> {
    const { endpoint, source, stamp } = await discoverPlugin(this.name, this.#places);
    const transport = await openTransport(this.name, { endpoint, signal: this.#signal });
    const method = "Plugin.Activate";
    const answer = await transport.post(method, undefined, this.#limits.call);
    let Implements: string[];
    try {
      ({ Implements } = this.#read(method, answer, ACTIVATION));
    } catch (cause) {
      // In the caller's terms: there is no plugin that it could call.
      throw new PluginAnswerError(this.name, method, (cause as Error).message, { cause });
    }
    this.#wasThere = true;
    return { implements: Implements, transport, source, stamp };
  }

  #read<T>(method: string, { status, body }: RawAnswer, schema: z.ZodType<T>): T {
    let value: unknown, notJson: unknown;
    try {
      value = JSON.parse(body);
    } catch (error) {
      notJson = error;
    }
    const failure = safely(() => FAILURE.safeParse(value));
    const words = failure?.success ? failure.data.Err || failure.data.Error : undefined;
    if (words) {
      const said = words.replaceAll(/\s+/g, " ").trim().slice(0, MAX_WORDS);
      throw new PluginRefusal(this.name, method, { words: said, httpStatus: status });
    }
    if (status === 404) throw new PluginUnimplemented(this.name, method);
    if (status !== 200) {
      const said = body.replaceAll(/\s+/g, " ").trim().slice(0, MAX_WORDS);
      throw new PluginRefusal(this.name, method, {
        words: `HTTP status ${status}${said && `, ${JSON.stringify(said)}`}`,
        httpStatus: status,
      });
    }
    if (notJson !== undefined) {
      const shown = body === "" ? "an empty body" : JSON.stringify(body.slice(0, 80));
      throw new PluginAnswerError(this.name, method, `it answers ${shown}, which isn't JSON`, {
        cause: notJson,
      });
    }
    const read = safely(() => schema.safeParse(value));
    if (read?.success) return read.data;
    const problem = read ? problemOf(read.error) : "its length is not a number";
    throw new PluginAnswerError(this.name, method, problem, { cause: read?.error });
  }
}

/** The first problem of an answer. */
function problemOf(error: z.ZodError): string {
  const { path, message } = error.issues[0]!;
  return `its answer is wrong${path.length > 0 ? ` at ${path.join(".")}` : ""}: ${message}`;
}

/**
 * Reloads files of a store's URL that are renewed on disk: certificates, keys, passwords and tokens. Files are
 * polled, not watched: they may be links that are moved (as Kubernetes does), or lie on a file system
 * that reports no changes.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Signal } from "../../lib/async/signal.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { validTo } from "../url/pem.ts";
import { FILES, type ParsedStoreUrl, type StoreUrl } from "../url/store_url.ts";
import { readStoreFiles } from "../url/url_files.ts";

const log = getLogger(["netsvc", "store"]);

/** How often files are looked at, in milliseconds. */
const LOOK_MS = 2000;

/** What was renewed. */
export interface Renewed {
  /** CA, certificate or key. */
  tls: boolean;
  /** Password or token. */
  secret: boolean;
}

/** The files of one store's URL. */
export class Renewals {
  readonly #parsed: ParsedStoreUrl;
  readonly #url: StoreUrl;
  readonly #renewed = new Signal<Renewed>();
  #timer: number | undefined;
  /** What the files looked like when they were read last. */
  #seen: string;
  /** The last failure that was reported. */
  #told: string | undefined;
  #looking: Promise<boolean> | undefined;

  /**
   * @param url what was read of the files; kept up to date in place
   * @param seen as of {@linkcode looks}, from before they were read
   */
  constructor(parsed: ParsedStoreUrl, url: StoreUrl, seen: string) {
    this.#parsed = parsed;
    this.#url = url;
    this.#seen = seen;
    if (Object.keys(parsed.files).length === 0) return;
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  /** Calls `listener` after each renewal; the URL has the new contents by then. */
  onRenewal(listener: (renewed: Renewed) => void): void {
    this.#renewed.subscribe(listener);
  }

  /** Polls at once, after a refused login. @returns whether something was reloaded */
  look(): Promise<boolean> {
    return this.#looking ??= this.#look().finally(() => this.#looking = undefined);
  }

  async #look(): Promise<boolean> {
    if (this.#timer === undefined) return false;
    const seen = await looks(this.#parsed);
    if (seen === this.#seen) return false;
    const { display } = this.#url;
    let fresh: StoreUrl;
    try {
      fresh = await readStoreFiles(this.#parsed);
      refuseExpired(fresh);
    } catch (error) {
      // It may be half written: it is read again each time, and the failure is reported once.
      const why = errorChain(error)[0]!;
      if (why !== this.#told) {
        log.warn("{why}; the store {display} goes on with what it had", { why, display });
      }
      this.#told = why;
      return false;
    }
    this.#seen = seen;
    this.#told = undefined;
    const { tls: oldTls, password, token } = this.#url;
    const renewed: Renewed = {
      tls: JSON.stringify(oldTls) !== JSON.stringify(fresh.tls),
      secret: password !== fresh.password || token !== fresh.token,
    };
    if (!renewed.tls && !renewed.secret) return false;
    Object.assign(this.#url, fresh);
    const what = [renewed.tls && "TLS files", renewed.secret && "login"].filter(Boolean);
    log.info("Took up the renewed {what} of the store {display}", {
      what: what.join(" and "),
      display,
    });
    this.#renewed.emit(renewed);
    return true;
  }

  /** Stops polling. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Fingerprint of a file: changes with the file at its path or with its contents. */
export async function looks({ files }: ParsedStoreUrl): Promise<string> {
  const all = await Promise.all(FILES.map(async (name) => {
    const path = files[name];
    if (path === undefined) return "";
    try {
      const { dev, ino, size, mtime, ctime } = await Deno.stat(path);
      return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(" ");
    } catch (error) {
      return errorChain(error)[0]!;
    }
  }));
  return all.join("\n");
}

/** What has ended already is no renewal. */
function refuseExpired({ tls }: StoreUrl): void {
  if (tls?.cert === undefined) return;
  const end = validTo(tls.cert);
  if (end.getTime() > Date.now()) return;
  throw new NetsvcError(
    "invalid",
    `The store's renewed certificate ended on ${end.toISOString().slice(0, 10)}`,
  );
}

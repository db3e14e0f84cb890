/**
 * The certificate, its key and the tokens of the API, reloaded when their files change; broken files are
 * ignored, and the previous credentials stay in use.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { dirname } from "node:path";
import { Signal } from "../../../lib/async/signal.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";

const log = getLogger(["netsvc", "api"]);

const MIN_TOKEN_LENGTH = 16;
/** Interval of polling files, for file systems that don't notify of changes, in milliseconds. */
const LOOK_MS = 2_000;
/** Time that broken files get to become valid (half written, or without the new key), in milliseconds. */
const SETTLE_MS = 1_000;

/** Paths of the files with credentials. */
export interface CredentialFiles {
  tlsCert?: string;
  tlsKey?: string;
  tokenFile?: string;
}

/** The contents of these files. */
export interface Credentials {
  tls?: { cert: string; key: string };
  /** Each of them gives access to the API; `undefined`: requests need no token. */
  tokens?: readonly string[];
}

function readSecret(flag: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new NetsvcError("invalid", `Cannot read ${flag} "${path}": ${errorChain(error)[0]}`);
  }
}

function readTokens(path: string): string[] {
  const tokens = readSecret("--token-file", path).split("\n").map((line) => line.trim())
    .filter((line) => line !== "");
  const good = tokens.every((token) => token.length >= MIN_TOKEN_LENGTH && /^\S+$/.test(token));
  if (tokens.length > 0 && good) return tokens;
  throw new NetsvcError(
    "invalid",
    tokens.length === 0
      ? `There is no token in "${path}": write one of at least ${MIN_TOKEN_LENGTH} characters`
      : `The token in "${path}" is too weak: use at least ${MIN_TOKEN_LENGTH} characters and no blanks`,
  );
}

/** Tries a certificate with its key. @throws {NetsvcError} `invalid` */
function checkPair(tls: { cert: string; key: string }): void {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...tls }).close();
  } catch (error) {
    // An error of the operating system says nothing about the certificate.
    if (error instanceof Error && "code" in error) return;
    const said = errorChain(error)[0]!;
    const why = /KeyMismatch/.test(said) ? "the key isn't that certificate's" : said;
    throw new NetsvcError(
      "invalid",
      `Cannot use --tls-cert with --tls-key: ${why}; give a PEM certificate and its key`,
      { cause: error },
    );
  }
}

/** Reads all files. @throws {NetsvcError} `invalid` */
export function readCredentials({ tlsCert, tlsKey, tokenFile }: CredentialFiles): Credentials {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new NetsvcError("invalid", "--tls-cert and --tls-key go together; give both");
  }
  const tls = tlsCert === undefined ? undefined : {
    cert: readSecret("--tls-cert", tlsCert),
    key: readSecret("--tls-key", tlsKey!),
  };
  if (tls) checkPair(tls);
  return {
    ...tls && { tls },
    ...tokenFile !== undefined && { tokens: readTokens(tokenFile) },
  };
}

/** Which credentials have changed. */
export interface Renewed {
  tls: boolean;
  tokens: boolean;
}

/** Credentials that follow their files. */
export class CredentialWatch {
  readonly #files: CredentialFiles;
  #current: Credentials;
  #watchers: Deno.FsWatcher[] = [];
  #timer: number | undefined;
  #settle: number | undefined;
  /** The last logged message about an unusable file. */
  #said = "";
  /** Emits when credentials have changed. */
  readonly renewed: Signal<Renewed> = new Signal();

  constructor(files: CredentialFiles, current: Credentials) {
    this.#files = files;
    this.#current = current;
    const { tlsCert, tlsKey, tokenFile } = files;
    const paths = [tlsCert, tlsKey, tokenFile].filter((path) => path !== undefined);
    if (paths.length === 0) return;
    // Watch directories: a replaced file is another inode.
    for (const directory of new Set(paths.map(dirname))) this.#watch(directory);
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  get current(): Credentials {
    return this.#current;
  }

  #watch(directory: string): void {
    try {
      const watcher = Deno.watchFs(directory, { recursive: false });
      this.#watchers.push(watcher);
      (async () => {
        for await (const { kind } of watcher) if (kind !== "access") this.look();
      })().catch(() => {}); // Polling finds the changes, too.
    } catch (error) {
      log.debug("Cannot watch {directory}: {cause}", { directory, cause: errorChain(error)[0] });
    }
  }

  /** Reloads the files. */
  look(): void {
    let next: Credentials;
    try {
      next = readCredentials(this.#files);
    } catch (error) {
      this.#settle ??= setTimeout(() => this.#complain(), SETTLE_MS);
      return void error;
    }
    clearTimeout(this.#settle);
    this.#settle = undefined;
    this.#said = "";
    const before = this.#current;
    const renewed = {
      tls: JSON.stringify(before.tls) !== JSON.stringify(next.tls),
      tokens: JSON.stringify(before.tokens) !== JSON.stringify(next.tokens),
    };
    if (!renewed.tls && !renewed.tokens) return;
    this.#current = next;
    if (renewed.tls) {
      log.info("Takes up the new certificate of {path}", { path: this.#files.tlsCert });
    }
    if (renewed.tokens) {
      log.info("Takes up the new token of {path}", { path: this.#files.tokenFile });
    }
    this.renewed.emit(renewed);
  }

  #complain(): void {
    this.#settle = undefined;
    try {
      readCredentials(this.#files);
    } catch (error) {
      const [cause] = errorChain(error);
      if (cause !== this.#said) log.error("{cause}; what was read before stays in use", { cause });
      return void (this.#said = cause!);
    }
    this.look();
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#settle);
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }
}

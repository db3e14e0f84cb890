/**
 * A host that is no voter asks one, over TLS with its certificate.
 *
 * @module
 */
import { ERROR_STATUS, errorChain, type ErrorCode, NetsvcError } from "../../../lib/api/errors.ts";
import type { Expelled } from "../control/expulsion.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { JOIN_PORT } from "../files/ports.ts";
import type {
  AuthorityKeys,
  ChangedAuthority,
  Duties,
  GrantedVote,
  ListedToken,
  NewToken,
  NewTokenTerms,
  Vote,
} from "./duties.ts";
import { hostPort } from "./store_flags.ts";

/** Time for one voter to answer, in milliseconds. */
const ASK_MS = 30_000;
/** Time for one to say whether this host is one of the cluster, in milliseconds. */
const STANDING_MS = 3_000;

/** Asks voters, one after the other. */
export class VoterClient implements Duties {
  readonly #paths: ClusterPaths;
  readonly #voters: () => string[];

  /** @param voters addresses of the voters as they are known now */
  constructor(paths: ClusterPaths, voters: () => string[]) {
    this.#paths = paths;
    this.#voters = voters;
  }

  async votes(): Promise<Vote[]> {
    return await this.#ask("GET", "/votes") as Vote[];
  }

  async createToken(terms: NewTokenTerms): Promise<NewToken> {
    return await this.#ask("POST", "/tokens", terms) as NewToken;
  }

  async listTokens(): Promise<ListedToken[]> {
    return await this.#ask("GET", "/tokens") as ListedToken[];
  }

  async removeToken(id: string): Promise<{ id: string }> {
    return await this.#ask("POST", "/tokens/remove", { id }) as { id: string };
  }

  async expel(id: string): Promise<Expelled> {
    return await this.#ask("POST", "/expel", { id }) as Expelled;
  }

  async changeAuthority(force: boolean): Promise<ChangedAuthority> {
    return await this.#ask("POST", "/authority/change", { force }) as ChangedAuthority;
  }

  /** Asks for the keys of the authorities that are to take the place of the cluster's. */
  async askKeys(): Promise<AuthorityKeys> {
    return await this.#ask("POST", "/authority/keys") as AuthorityKeys;
  }

  /** Asks for what this host needs to be a voter. */
  async askVote(request: string): Promise<GrantedVote> {
    return await this.#ask("POST", "/vote", { request }) as GrantedVote;
  }

  /** Asks whether this host is one of the cluster. @param signal ends it */
  async standing(signal: AbortSignal): Promise<unknown> {
    return await this.#ask("GET", "/standing", undefined, { ms: STANDING_MS, signal });
  }

  async #ask(
    method: string,
    path: string,
    body?: unknown,
    { ms = ASK_MS, signal: stop }: { ms?: number; signal?: AbortSignal } = {},
  ): Promise<unknown> {
    const { ca, hostCertificate, hostKey } = this.#paths;
    const [caCert, cert, key] = await Promise.all(
      [ca, hostCertificate, hostKey].map((file) => Deno.readTextFile(file)),
    ) as [string, string, string];
    using client = Deno.createHttpClient({ caCerts: [caCert], cert, key });
    const failures: string[] = [];
    for (const voter of this.#voters()) {
      const url = `https://${hostPort({ host: voter, port: JOIN_PORT })}${path}`;
      let answer: { ok: boolean; text: string };
      try {
        const signal = AbortSignal.any([AbortSignal.timeout(ms), ...stop ? [stop] : []]);
        const response = await fetch(url, {
          method,
          client,
          signal,
          ...body !== undefined && { body: JSON.stringify(body) },
        });
        answer = { ok: response.ok, text: await response.text() };
      } catch (error) {
        failures.push(`${voter}: ${errorChain(error).at(-1)}`);
        continue;
      }
      const value = JSON.parse(answer.text);
      if (answer.ok) return value;
      const code = value.code in ERROR_STATUS ? value.code as ErrorCode : "internal";
      throw new NetsvcError(code, String(value.message));
    }
    throw new NetsvcError("unavailable", `No voter of the cluster answers: ${failures.join("; ")}`);
  }
}

/**
 * Paths without a version that were netsvc's own before its API had a prefix. Where Docker has nothing,
 * whoever asks is told where it is now; where Docker has the same path, netsvc's own clients of then are,
 * who would take Docker's answer for netsvc's. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { API_PREFIX } from "../../../../lib/api/paths.ts";

const SEGMENT = "[^/?]+";

/** What Docker hasn't: method, path and, where it alone tells, the query. */
const RETIRED = requests(
  "POST /networks",
  `DELETE /networks/${SEGMENT}\\?force=(true|false)`,
  "(GET|POST) /containers",
  `GET /containers/(?!json$)${SEGMENT}`,
  "POST /containers/expected",
  `POST /containers/${SEGMENT}/(launch|started|exited)`,
  "POST /services",
  `POST /services/${SEGMENT}/(attach|detach)`,
  `(GET|DELETE) /hosts(/${SEGMENT})?`,
  "GET /doctor",
);

/** What Docker has as well, exactly as netsvc's clients asked for it. */
const SHARED = requests(
  `GET /networks(/${SEGMENT})?`,
  `GET /services(/${SEGMENT}|\\?network=.*)?`,
  `DELETE /services/${SEGMENT}\\?force=(true|false)`,
  `DELETE /containers/${SEGMENT}\\?force=(true|false)`,
  `POST /containers/${SEGMENT}/(start|exec|kill|wait)`,
  `GET /containers/${SEGMENT}/logs`,
  "GET /(version|events)",
);

/** What netsvc's clients called themselves, programs with `mod.ts` included. */
const OWN_CLIENTS = /^Deno\//;

function requests(...patterns: string[]): RegExp {
  return new RegExp(`^(${patterns.join("|")})$`);
}

/**
 * Refuses a request without a version that was netsvc's own.
 *
 * @param target path and query
 * @throws {NetsvcError} `not_found`
 */
export function checkRetired(method: string, target: string, userAgent = ""): void {
  const path = target.replace(/\?.*/, "");
  if (RETIRED.test(`${method} ${target}`) || RETIRED.test(`${method} ${path}`)) {
    throw new NetsvcError(
      "not_found",
      `netsvc's own API is under ${API_PREFIX} now, ask for ${API_PREFIX}${path}; a netsvc command must ` +
        `be as new as its daemon`,
    );
  }
  if (!OWN_CLIENTS.test(userAgent) || !SHARED.test(`${method} ${target}`)) return;
  throw new NetsvcError(
    "not_found",
    `${path} is Docker's, and netsvc's own API is under ${API_PREFIX} now: ask for ` +
      `${API_PREFIX}${path}, or for Docker's with a version, as /v1.41${path}; a netsvc command must be ` +
      `as new as its daemon`,
  );
}

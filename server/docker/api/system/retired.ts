/**
 * Refuses paths without a version that were netsvc's own before its API had a prefix. On paths that Docker
 * doesn't have, every client is told the new path; on paths that Docker has as well, only netsvc's clients
 * of that time are, which would mistake Docker's answer for netsvc's. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { API_PREFIX } from "../../../../lib/api/paths.ts";

const SEGMENT = "[^/?]+";

/** Requests that Docker doesn't have: method, path and, if only that distinguishes them, the query. */
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

/** Requests that Docker has as well, exactly as netsvc's clients sent them. */
const SHARED = requests(
  `GET /networks(/${SEGMENT})?`,
  `GET /services(/${SEGMENT}|\\?network=.*)?`,
  `DELETE /services/${SEGMENT}\\?force=(true|false)`,
  `DELETE /containers/${SEGMENT}\\?force=(true|false)`,
  `POST /containers/${SEGMENT}/(start|exec|kill|wait)`,
  `GET /containers/${SEGMENT}/logs`,
  "GET /(version|events)",
);

/** The user agent of netsvc's clients, including programs that use `mod.ts`. */
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

/**
 * The API without a socket: routes on controllers that a test gives.
 *
 * @module
 */
import { API_PREFIX } from "../../lib/api/paths.ts";
import { type AppOptions, createApp } from "../../server/http/app.ts";
import type { GuardOptions } from "../../server/http/guard.ts";

/** An answer as tests look at it. */
export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any -- a test knows what it asked for
  body: any;
}

/** Asks an API for a path of netsvc's own. */
export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** An API of these controllers; the others aren't there. */
export function apiOf(
  // deno-lint-ignore no-explicit-any -- a fake has the methods that a test calls, and no more
  parts: { [Part in keyof AppOptions]?: any },
  guard: GuardOptions = { hosts: [], unix: true },
): Ask {
  const app = createApp({
    metrics: { request: () => {} },
    storeAway: () => undefined,
    version: { version: "1.2.3" },
    ...parts,
  } as AppOptions, guard);
  return async (method, path, body, headers = {}) => {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const response = await app.request(`http://localhost${API_PREFIX}${path}`, {
      method,
      headers: { ...json, ...headers },
      ...body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) },
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(
      response.headers.get("content-type") ?? "",
    );
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  };
}

/** A controller that notes how it is called, and gives an answer. */
export function noting(answers: Record<string, unknown>) {
  const calls: [method: string, ...given: unknown[]][] = [];
  const controller = Object.fromEntries(
    Object.entries(answers).map(([method, answer]) => [method, (...given: unknown[]) => {
      calls.push([method, ...given]);
      if (answer instanceof Error) throw answer;
      return answer;
    }]),
  );
  return { calls, controller };
}

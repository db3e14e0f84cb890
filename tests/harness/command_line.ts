/**
 * A command line of the client, run in this process before a server that notes what it is asked and
 * answers what a test says: for what the client makes of words, not for what a daemon makes of requests.
 *
 * @module
 */
import { main } from "../../cli/program.ts";
import { API_PREFIX } from "../../lib/api/paths.ts";

/** A request, as it came. */
export interface Asked {
  /** `GET /networks?x=y`, without the API's prefix. */
  what: string;
  body: unknown;
}

/** What came of a command line. */
export interface Outcome {
  asked: Asked[];
  stdout: string;
  stderr: string;
  code: number;
}

/** An answer: a body, or a problem with a status. */
type Answer = (what: string, body: unknown) => unknown;

/** Catches what this process writes, while an action runs. */
async function caught(action: () => Promise<number>) {
  const kept = { stdout: Deno.stdout.writeSync, stderr: Deno.stderr.writeSync };
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    Deno[name].writeSync = (bytes: Uint8Array) => {
      text[name] += new TextDecoder().decode(bytes);
      return bytes.length;
    };
  }
  try {
    return { code: await action(), ...text };
  } finally {
    for (const name of ["stdout", "stderr"] as const) Deno[name].writeSync = kept[name];
  }
}

/** Runs `netsvc WORDS…`. */
export async function commandLine(words: string[], answer: Answer): Promise<Outcome> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-" });
  const path = `${directory}/n.sock`;
  const asked: Asked[] = [];
  await using _server = Deno.serve(
    { transport: "unix", path, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const what = `${request.method} ${pathname.replace(API_PREFIX, "")}${search}`;
      const text = await request.text();
      const body = text === "" ? undefined : JSON.parse(text);
      asked.push({ what, body });
      const value = answer(what, body);
      return value instanceof Response ? value : Response.json(value ?? null);
    },
  );
  const hooks = { daemon: () => Promise.resolve() };
  try {
    const { code, ...text } = await caught(() => main(["-H", `unix://${path}`, ...words], hooks));
    return { asked, code, ...text };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A problem, as the API answers it. */
export function problem(status: number, code: string, detail: string): Response {
  const body = { type: "about:blank", title: code, status, detail, code, exitCode: 1 };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json" } });
}

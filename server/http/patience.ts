/**
 * Answers that take their time, as `lib/api/patience.ts` says: whatever is asked for, nobody has to guess
 * whether the daemon still works on it.
 *
 * @module
 */
import { atMost } from "../../lib/async/deadline.ts";
import {
  PATIENCE_HEADER,
  PATIENCE_TYPE,
  type PatienceLine,
  type Progress,
} from "../../lib/api/patience.ts";
import { problemResponse } from "./problems.ts";

/** An answer that comes within this time is sent as it is, in milliseconds. */
const SOON_MS = 1_000;
/** A line is sent this often, in milliseconds. */
const LINE_MS = 1_000;

type Handler = (request: Request) => Response | Promise<Response>;

/** How far requests are that take their time. */
const progresses = new WeakMap<Request, { progress?: Progress }>();

/** Takes notes of how far a request is, for whoever waits for its answer. */
export function progressOf(request: Request, what: string): (done: number, total: number) => void {
  return (done, total) => {
    const waiting = progresses.get(request);
    if (waiting) waiting.progress = { done, total, what };
  };
}

/** Answers at once where it takes long, to those who understand that. */
export function patient(handler: Handler): Handler {
  return async (request) => {
    if (request.headers.get(PATIENCE_HEADER) !== "stream") return await handler(request);
    const state: { progress?: Progress } = {};
    progresses.set(request, state);
    const answer = (async () => await handler(request))();
    const first = await atMost(answer, SOON_MS);
    return first ??
      new Response(lines(answer, state), { headers: { "content-type": PATIENCE_TYPE } });
  };
}

/** Who goes away isn't told any more; what was asked for goes on. */
function lines(
  answer: Promise<Response>,
  state: { progress?: Progress },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: number | undefined;
  let gone = false;
  return new ReadableStream({
    start(controller) {
      const tell = (line: PatienceLine) => {
        if (!gone) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      const progress = () => tell({ ...state.progress && { progress: state.progress } });
      progress();
      timer = setInterval(progress, LINE_MS);
      answer.catch(problemResponse).then(async (response) => {
        const body = await response.text();
        clearInterval(timer);
        const { status, headers } = response;
        tell({ answer: { status, headers: Object.fromEntries(headers), body } });
        if (!gone) controller.close();
      });
    },
    cancel() {
      gone = true;
      clearInterval(timer);
    },
  });
}

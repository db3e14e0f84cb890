/**
 * Slow answers, by the protocol of `lib/api/patience.ts`: a client that waits for one sees that the daemon
 * is still working on the request.
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
import type { PerTurn } from "./paced.ts";
import { problemResponse } from "./problems.ts";

/** An answer that is ready within this time is sent in the usual form, in milliseconds. */
const SOON_MS = 1_000;
/** Interval between lines, in milliseconds. */
const LINE_MS = 1_000;

type Handler = (request: Request) => Response | Promise<Response>;

/** The progress of slow requests. */
const progresses = new WeakMap<Request, { progress?: Progress }>();

/** Records a request's progress, which is sent to the client that waits for the answer. */
export function progressOf(request: Request, what: string): (done: number, total: number) => void {
  return (done, total) => {
    const waiting = progresses.get(request);
    if (waiting) waiting.progress = { done, total, what };
  };
}

/**
 * Starts a slow answer early, with lines of progress, for clients that understand the protocol.
 *
 * @param turns where many answers are slow at once, they start in turn
 */
export function patient(handler: Handler, turns?: Pick<PerTurn, "next">): Handler {
  return async (request) => {
    if (request.headers.get(PATIENCE_HEADER) !== "stream") return await handler(request);
    const state: { progress?: Progress } = {};
    progresses.set(request, state);
    const answer = (async () => await handler(request))();
    const first = await atMost(answer, SOON_MS);
    if (!first) await turns?.next();
    return first ??
      new Response(lines(answer, state), { headers: { "content-type": PATIENCE_TYPE } });
  };
}

/** Lines stop when the client disconnects; the request itself continues. */
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

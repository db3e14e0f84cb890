/**
 * `/doctor`.
 *
 * @module
 */
import type { Doctor } from "../../doctor/doctor.ts";
import type { DoctorLine } from "../../../lib/api/types.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { type App, createRoute, errors, textAnswer } from "./route.ts";

const TYPE = "application/x-ndjson";

/** Streams the doctor's lines as JSON, each as soon as it is known. */
function lines(doctor: DoctorParts["doctor"], signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const gone = new AbortController();
  return new ReadableStream({
    async start(controller) {
      const tell = (line: DoctorLine) => {
        if (!gone.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      await doctor.run(tell, AbortSignal.any([signal, gone.signal]));
      if (!gone.signal.aborted) controller.close();
    },
    cancel: () => gone.abort(),
  });
}

export interface DoctorParts {
  doctor: Pick<Doctor, "run">;
}

export function doctorRoutes(app: App, { doctor }: DoctorParts): void {
  app.openAPIRegistry.register("DoctorLine", schemas.DoctorLine);
  app.openapi(
    createRoute({
      method: "get",
      path: "/doctor",
      summary: "Check this host and the way to its peers",
      responses: {
        200: textAnswer("Findings as they come: lines of JSON, each a DoctorLine", TYPE),
        ...errors,
      },
    }),
    (c) =>
      c.body(lines(doctor, c.req.raw.signal), 200, {
        "content-type": TYPE,
        "cache-control": "no-store",
      }),
  );
}

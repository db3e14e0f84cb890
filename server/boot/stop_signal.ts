/**
 * Signals to the daemon.
 *
 * @module
 */

/** Resolves with the name of the first signal that ends the daemon. */
export function stopSignal(onHangUp: () => void): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
    // SIGHUP doesn't end the daemon when its terminal closes; administrators send it to reload files.
    Deno.addSignalListener("SIGHUP", onHangUp);
  });
}

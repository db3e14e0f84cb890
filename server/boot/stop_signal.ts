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
    // A terminal that closes doesn't end a daemon; an administrator says so that files are renewed.
    Deno.addSignalListener("SIGHUP", onHangUp);
  });
}

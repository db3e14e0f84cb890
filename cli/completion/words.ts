/**
 * Words that several options have values of.
 *
 * @module
 */

/** Signals that people send. */
export const SIGNALS: readonly string[] = [
  "SIGTERM",
  "SIGKILL",
  "SIGINT",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGSTOP",
  "SIGCONT",
  "SIGWINCH",
];

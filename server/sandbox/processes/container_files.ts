/**
 * Where the files of containers are: `RUN_DIR/containers/<id>` holds `resolv.conf`, `hosts` and `hostname`
 * (bound over its own, so they are changed in place, never replaced), `pid`, `status`, `log`. Pure.
 *
 * @module
 */

/** Path of a container's file; of its directory, with a name that is empty. */
export type FileOf = (container: string, name: string) => string;

/** Paths below a run directory. */
export function filesBelow(runDir: string): FileOf {
  return (container, name) => `${runDir}/containers/${container}/${name}`;
}

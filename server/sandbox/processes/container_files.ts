/**
 * The paths of containers' files: `RUN_DIR/containers/<id>` holds `resolv.conf`, `hosts` and `hostname` (bound over
 * the container's own, so they are changed in place, never replaced), `pid`, `status`, `log`. Pure.
 *
 * @module
 */

/** The path of a container's file or, with an empty name, of its directory. */
export type FileOf = (container: string, name: string) => string;

/** The paths below a run directory. */
export function filesBelow(runDir: string): FileOf {
  return (container, name) => `${runDir}/containers/${container}/${name}`;
}

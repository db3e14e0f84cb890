/**
 * The words of other programs, for "did you mean".
 *
 * @module
 */

const LISTS = ["network ls", "service ls", "container ls"];
const REMOVALS = ["container rm", "network rm", "service unpublish"];
const INFOS = ["network info", "service info", "container info"];
/** Verbs of other programs by group, with netsvc's verbs for them. */
export const OTHER_WORDS: Record<string, Record<string, string[]>> = {
  "netsvc": {
    list: LISTS,
    ls: LISTS,
    delete: REMOVALS,
    remove: REMOVALS,
    unpublish: ["service unpublish"],
    publish: ["service publish"],
    attach: ["service attach"],
    detach: ["service detach"],
    connect: ["service attach"],
    disconnect: ["service detach"],
    wait: ["container wait"],
    port: ["container port"],
    rename: ["container rename"],
    create: ["network create", "service publish", "container create"],
    show: INFOS,
    info: [...INFOS, "version"],
    status: ["doctor", "host ls"],
    check: ["doctor"],
    daemon: ["-d"],
    up: ["-d"],
  },
  "netsvc network": { connect: ["service attach"], disconnect: ["service detach"] },
  "netsvc service": {
    create: ["publish"],
    connect: ["attach"],
    disconnect: ["detach"],
    ps: ["ls"],
    move: ["attach"],
  },
  "netsvc container": {
    run: ["netsvc run"],
    exec: ["netsvc exec"],
    attach: ["logs -f", "netsvc exec"],
    ps: ["ls"],
    connect: ["netsvc service attach"],
  },
};
/** The same of options, wherever the second is known. */
export const OTHER_OPTIONS: Record<string, string> = {
  "--network": "--net",
  "--driver-opt": "--opt",
  "--option": "--opt",
  "--port": "--publish",
  "--envs": "--env",
  "--cwd": "--workdir",
};

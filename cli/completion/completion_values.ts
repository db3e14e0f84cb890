/**
 * What stands where on a command line, for completion: the kinds of arguments and of options' values.
 *
 * @module
 */

/** Kinds of the arguments of commands, by their words; `...`: as many as one likes. */
export const ARGUMENTS: Record<string, string> = {
  "network rm": "network...",
  "network info": "network...",
  "network inspect": "network...",
  "service unpublish": "service...",
  "service info": "service...",
  "service inspect": "service...",
  "service attach": "container service",
  "service detach": "container service-of",
  "container rm": "container...",
  "container info": "container...",
  "container inspect": "container...",
  "container logs": "container",
  "container kill": "container...",
  "container stop": "container...",
  "container start": "container...",
  "container restart": "container...",
  "container rename": "container",
  "container wait": "container",
  "container port": "container",
  "rm": "container...",
  "logs": "container",
  "kill": "container...",
  "stop": "container...",
  "start": "container...",
  "restart": "container...",
  "inspect": "any...",
  "run": "command file...",
  "exec": "container command file...",
  "completion": "shell",
  "host info": "host...",
  "host inspect": "host...",
  "host rm": "host...",
};

/** Kinds of the values of options; of those of one command alone by its words and the option. */
export const VALUES: Record<string, string> = {
  "--net": "network",
  "--publish-service": "service",
  "--driver": "driver",
  "--opt": "option=",
  "--format": "format",
  "--host": "address",
  "--log-level": "level",
  "--signal": "signal",
  "--stop-signal": "signal",
  "--restart": "policy",
  "--runtime": "runtime",
  "--type": "type",
  "--rootfs": "file",
  "--workdir": "file",
  "--config": "file",
  "--token-file": "file",
  "--tls-ca": "file",
  "--tls-cert": "file",
  "--tls-key": "file",
  "--state-dir": "file",
  "--run-dir": "file",
  "--plugin-dir": "file",
  "--docker-socket": "file",
  "--docker-plugin": "file",
  "--kv-store": "store",
  "network ls --filter": "filter-network=",
  "service ls --filter": "filter-service=",
  "container ls --filter": "filter-container=",
  "ps --filter": "filter-container=",
  "host ls --filter": "filter-host=",
  "events --filter": "filter-event=",
};

/** Kinds whose words are always the same; those that end in `=` are the beginning of a word. */
export const WORDS: Record<string, string[]> = {
  "driver": ["bridge", "overlay"],
  // Of both drivers; a test holds them against the drivers' own.
  "option=": ["checksum_offload=", "host_access=", "host_ip=", "icc=", "isolation=", "masquerade="]
    .concat(["mtu=", "name=", "spoofing=", "ttl=", "vni="]),
  "format": ["json", "table", "text"],
  "address": ["unix:///run/netsvc.sock", "tcp://"],
  "level": ["debug", "info", "warn", "error", "fatal"],
  "signal": ["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGSTOP"]
    .concat(["SIGCONT", "SIGWINCH"]),
  "policy": ["no", "always", "unless-stopped", "on-failure"],
  "runtime": ["docker", "podman"],
  "type": ["container", "network", "service", "host"],
  "shell": ["bash", "zsh", "fish"],
  "store": ["local", "etcd:", "consul:", "zookeeper:", "denokv:"],
  "filter-network=": ["driver=", "id=", "internal=", "label=", "name=", "scope=", "type="],
  "filter-service=": ["alias=", "id=", "name=", "network=", "provider="],
  "filter-container=": ["id=", "name=", "network=", "runtime=", "service=", "state="],
  "filter-host=": ["id=", "name=", "status="],
  "filter-event=": ["container=", "event=", "id=", "name=", "network=", "service=", "type="],
};

/** Kinds of which the daemon knows the words: the commands that list them. */
export const LISTS: Record<string, string> = {
  network: 'netsvc network ls --format "{{.Name}}"',
  service: 'netsvc service ls --format "{{.Name}}.{{.Network}}"',
  container: 'netsvc container ls --format "{{.Name}}"',
  host: 'netsvc host ls --format "{{.Name}}"',
};

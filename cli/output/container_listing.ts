/**
 * Containers as `container ls` and `container info` show them. Pure.
 *
 * @module
 */
import type { Container, PublishedPort } from "../../lib/api/types.ts";
import { ageText } from "./age.ts";
import { oneOf } from "../options/filters.ts";
import { type Listing, matches } from "./listing.ts";
import { printable } from "./printable.ts";

/** A command is shortened to this in tables, in characters. */
const COMMAND_WIDTH = 24;

function serviceNames(container: Container): string[] {
  return container.services.map(({ name, network }) => `${name}.${network}`);
}

function stateText({ state, exitCode }: Container): string {
  return state === "exited" && exitCode !== undefined ? `exited (${exitCode})` : state;
}

/** `*:8080->80/tcp`: where a port of a container is reached. */
export function portText({ hostIp, hostPort, containerPort, protocol }: PublishedPort): string {
  const ip = hostIp?.includes(":") ? `[${hostIp}]` : hostIp ?? "*";
  return `${ip}:${hostPort}->${containerPort}/${protocol}`;
}

function commandText({ command = [] }: Container): string {
  return printable(command.join(" "));
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= COMMAND_WIDTH
    ? text
    : `${characters.slice(0, COMMAND_WIDTH - 1).join("")}…`;
}

const STATES = ["created", "running", "exited"] as const;

/** How containers are listed. */
export const listing: Listing<Container> = {
  command: "container ls",
  columns: [
    ["CONTAINER ID", (c, id) => id(c.id)],
    ["NAME", (c) => c.name ?? ""],
    ["STATE", stateText],
    ["RUNTIME", (c) => c.runtime],
    ["SERVICES", (c) => serviceNames(c).join(", ")],
    ["PORTS", (c) => c.ports.map(portText).join(", ")],
    ["AGE", (c) => ageText(c.created)],
    // What doesn't shorten ids doesn't shorten commands.
    ["COMMAND", (c, id) => id(c.id) === c.id ? commandText(c) : shortened(commandText(c))],
  ],
  wide: 4,
  row: (c, id) => ({
    ID: id(c.id),
    Name: c.name ?? "",
    State: c.state,
    Status: stateText(c),
    Runtime: c.runtime,
    Services: serviceNames(c),
    Networks: [...new Set(c.services.map(({ network }) => network))],
    Addresses: c.services.flatMap(({ addresses }) => addresses),
    Ports: c.ports.map(portText),
    Command: commandText(c),
    Hostname: c.hostname,
    Created: c.created,
    Age: ageText(c.created),
    Pid: c.pid ?? 0,
    Sandbox: c.sandbox ?? "",
  }),
  titles: { ID: "CONTAINER ID" },
  id: (c) => c.id,
  filters: {
    id: (c, value) => matches.id(c.id, value),
    name: (c, value) => matches.name(c.name, value),
    state: oneOf(STATES, (c) => c.state),
    // As in Docker.
    status: oneOf(STATES, (c) => c.state),
    runtime: oneOf(["netsvc", "docker", "podman", "pid", "netns"], (c) => c.runtime),
    network: (c, value) => c.services.some(({ network }) => network === value),
    service: (c, value) =>
      c.services.some(({ name, network }) =>
        [name, `${name}.${network}`].some((own) => own.toLowerCase() === value.toLowerCase())
      ),
  },
};

/** What a container's network is, in words. */
function networkText({ networkMode, services }: Container): string {
  if (networkMode === "host") return "the host's own";
  if (networkMode === "none") return "none";
  const [, other] = networkMode.match(/^container:(.*)$/) ?? [];
  if (other !== undefined) return `that of container ${other}`;
  return [...new Set(services.map(({ network }) => network))].join(", ") || "none";
}

/** When a container is started again by itself, and how often it was. */
function restartText({ restart, restarts = 0 }: Container): string {
  return `${restart}${restarts > 0 ? ` (so far ${restarts}×)` : ""}`;
}

/** The text of `container info`. */
export function describe(container: Container): string {
  const lines = [
    `Container Id: ${container.id}`,
    `Name: ${container.name ?? ""}`,
    `State: ${stateText(container)}`,
    `Runtime: ${container.runtime}`,
    `Created: ${container.created}`,
    `Hostname: ${container.hostname}`,
    `Network: ${networkText(container)}`,
    ...container.pid === undefined ? [] : [`Pid: ${container.pid}`],
    ...container.sandbox === undefined ? [] : [`Network namespace: ${container.sandbox}`],
    ...container.command ? [`Command: ${commandText(container)}`] : [],
    ...container.restart === undefined ? [] : [`Restart: ${restartText(container)}`],
    ...container.ports.map((port) => `Port: ${portText(port)}`),
    ...container.services.flatMap((service) => [
      `  Service Id: ${service.id}`,
      `    Name: ${service.name}`,
      `    Network: ${service.network}`,
      `    Address: ${service.addresses.join(", ")}`,
      `    Interface: ${service.interface}`,
    ]),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

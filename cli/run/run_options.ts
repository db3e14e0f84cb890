/**
 * Options of `run`.
 *
 * @module
 */
import type { Command } from "commander";
import { argument, option } from "../completion/declare.ts";
import { SIGNALS } from "../completion/words.ts";
import { addPlacementOptions, type PlacementOptions } from "./placement.ts";
import { addProcessOptions, type ProcessOptions } from "./process_options.ts";

/** What is given to `run`. */
export interface RunOptions extends PlacementOptions, ProcessOptions {
  runtime?: string;
  detach?: boolean;
  rm?: boolean;
  rootfs?: string;
  restart?: string;
  stopSignal?: string;
  stopTimeout?: string;
  privileged?: boolean;
}

const POLICIES = ["no", "always", "unless-stopped", "on-failure"];
const RESTART =
  "With -d: no, always, unless-stopped, on-failure[:N]; start it again when it ends, " +
  "or the host boots";

/** Adds {@linkcode RunOptions} and the argument. */
export function addRunOptions(command: Command): Command {
  return addPlacementOptions(addProcessOptions(command))
    .addArgument(argument("<COMMAND...>").completedBy("programs"))
    .usage("[OPTIONS] -- COMMAND [ARG...]").passThroughOptions()
    .option("-d, --detach", "Leave it running and print its id")
    .option("--rm", "Remove the container when its command ends")
    .addOption(option("--restart <POLICY>", RESTART).completedBy(POLICIES))
    .addOption(
      option("--stop-signal <SIGNAL>", "Signal that stops it (SIGTERM)").completedBy(SIGNALS),
    )
    .option("--stop-timeout <SECONDS>", "Seconds until it is killed when it is stopped (10)")
    .addOption(
      option("--rootfs <DIR>", "Directory that becomes its /; else it has the host's files")
        .completedBy("files"),
    )
    .option("--privileged", "With --rootfs: all capabilities and devices of the host's root")
    .addOption(
      option("--runtime <RUNTIME>", "docker or podman: COMMAND is an image and its command")
        .completedBy([
          "docker",
          "podman",
        ]),
    );
}

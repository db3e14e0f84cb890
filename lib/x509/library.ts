/**
 * The library for certificates. It registers its parsers with decorators, whose metadata another package has to
 * provide before it; both are loaded by the functions that need them, and no sooner.
 *
 * @module
 */
import "reflect-metadata";

export * from "@peculiar/x509";

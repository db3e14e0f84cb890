/**
 * The picture of the floors, drawn from the code: rooms in rows, the lowest floor at the bottom, and an
 * arrow from each room to those that it imports. Arrows that others imply are left out. Pure.
 *
 * @module
 */
import { CAPTIONS } from "./captions.ts";
import { FLOORS, placeOf } from "./floors.ts";

const ROW = 54;
const HEIGHT = 26;
const GAP = 14;
/** The rooms are left of this, their captions right. */
const ROOMS = 640;
const WIDTH = 1180;
/** Width of a letter of 12 pixels, as far as a picture without a font can know. */
const LETTER = 7.2;

/** A room with its place in the picture. */
interface Box {
  room: string;
  x: number;
  y: number;
  width: number;
}

/** Which rooms each room imports. */
export function roomGraph(graph: Map<string, string[]>): Map<string, Set<string>> {
  const rooms = new Map<string, Set<string>>(FLOORS.flat().map((room) => [room, new Set()]));
  for (const [from, all] of graph) {
    const own = placeOf(from).room;
    for (const to of all) {
      const other = placeOf(to).room;
      if (other !== own) rooms.get(own)!.add(other);
    }
  }
  return rooms;
}

/** The arrows that no way over another room implies (transitive reduction). */
export function reduced(rooms: Map<string, Set<string>>): Map<string, string[]> {
  const reach = new Map<string, Set<string>>();
  for (const room of FLOORS.flat()) {
    const below = new Set<string>();
    for (const next of rooms.get(room) ?? []) {
      below.add(next);
      for (const further of reach.get(next) ?? []) below.add(further);
    }
    reach.set(room, below);
  }
  return new Map([...rooms].map(([room, nexts]) => [
    room,
    [...nexts].filter((next) =>
      ![...nexts].some((other) => other !== next && reach.get(other)?.has(next))
    ).sort(),
  ]));
}

function boxes(): Box[] {
  return FLOORS.flatMap((rooms, floor) => {
    const widths = rooms.map((room) => room.length * LETTER + 20);
    const whole = widths.reduce((sum, width) => sum + width, 0) + GAP * (rooms.length - 1);
    let x = (ROOMS - whole) / 2;
    return rooms.map((room, index) => {
      const box = { room, x, y: (FLOORS.length - 1 - floor) * ROW + 14, width: widths[index]! };
      x += box.width + GAP;
      return box;
    });
  });
}

function arrow(from: Box, to: Box): string {
  const fromX = from.x + from.width / 2;
  const toX = to.x + to.width / 2;
  const fromY = from.y + HEIGHT;
  // Those that pass other floors go around them.
  const floors = Math.round((to.y - from.y) / ROW);
  const side = floors > 1 ? (toX + fromX < ROOMS ? -1 : 1) * Math.min(60 + 24 * floors, 300) : 0;
  return `<path d="M${fromX.toFixed(0)} ${fromY} C${(fromX + side).toFixed(0)} ${fromY + 30} ${
    (toX + side).toFixed(0)
  } ${to.y - 30} ${toX.toFixed(0)} ${to.y}" marker-end="url(#tip)"/>`;
}

/** One line a room, right of its floor. */
function captions(all: Box[]): string[] {
  return [...Map.groupBy(all, ({ y }) => y)].flatMap(([y, boxes]) =>
    boxes.map(({ room }, line) => {
      const middle = y + 17 + (line - (boxes.length - 1) / 2) * 14;
      const name = boxes.length > 1 ? `${room.replace(/^.*\/(?=[^/]+\/$)/, "")} ` : "";
      return `<text x="${ROOMS + 20}" y="${middle}">${name}${CAPTIONS[room]}</text>`;
    })
  );
}

/** The picture, as the text of an SVG file. */
export function drawFloors(graph: Map<string, string[]>): string {
  const all = boxes();
  const at = new Map(all.map((box) => [box.room, box]));
  const arrows = [...reduced(roomGraph(graph))].flatMap(([room, nexts]) =>
    nexts.map((next) => arrow(at.get(room)!, at.get(next)!))
  );
  const rects = all.map(({ x, y, width }) =>
    `<rect x="${x.toFixed(0)}" y="${y}" width="${width.toFixed(0)}" height="${HEIGHT}" rx="5"/>`
  );
  const names = all.map(({ room, x, y, width }) =>
    `<text x="${(x + width / 2).toFixed(0)}" y="${y + 17}">${room}</text>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${
      FLOORS.length * ROW
    }" role="img" aria-label="The floors of netsvc">`,
    `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#7a8699" stroke="none"/></marker></defs>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<g fill="none" stroke="#7a8699">`,
    ...arrows,
    `</g>`,
    `<g fill="#eef3fa" stroke="#3b5b8c">`,
    ...rects,
    `</g>`,
    `<g font-family="monospace" font-size="12" text-anchor="middle" fill="#16233a">`,
    ...names,
    `</g>`,
    `<g font-family="sans-serif" font-size="12" fill="#45546b">`,
    ...captions(all),
    `</g>`,
    `</svg>`,
    "",
  ].join("\n");
}

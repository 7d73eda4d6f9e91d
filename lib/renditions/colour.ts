import library from '@img/colour';

// The parser that sharp itself uses, so what passes here passes there. Its types describe an ES module
// with a default export, but it is CommonJS: what Node imports is already that default.
const parse = library as unknown as typeof library.default;

/** Red, green, blue and alpha, each 0 to 255. */
export interface Rgba {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  readonly alpha: number;
}

/** Reads a CSS colour (`#f80`, `rgb(255 136 0 / 50%)`, `white`, `transparent`); undefined when it is none. */
export function parseColour(text: string): Rgba | undefined {
  try {
    const colour = parse(text);
    const [red, green, blue] = [colour.red(), colour.green(), colour.blue()].map(Math.round);
    const alpha = Math.round(colour.alpha() * 255);
    if (red === undefined || green === undefined || blue === undefined) return undefined;
    const rgba = { red, green, blue, alpha };
    return Object.values(rgba).every(isChannel) ? rgba : undefined;
  } catch {
    return undefined;
  }
}

function isChannel(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255;
}

/** Lays a colour on white: what is left of it where there is no alpha channel. */
export function onWhite({ red, green, blue, alpha }: Rgba): Rgba {
  const blend = (channel: number): number => Math.round(255 + ((channel - 255) * alpha) / 255);
  return { red: blend(red), green: blend(green), blue: blend(blue), alpha: 255 };
}

/** Writes a colour as `#rrggbbaa`. */
export function toHex({ red, green, blue, alpha }: Rgba): string {
  const hex = [red, green, blue, alpha].map((channel) => channel.toString(16).padStart(2, '0'));
  return `#${hex.join('')}`;
}

import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import type { Options, Part } from './options.js';
import { median } from './statistics.js';

/** One figure, as the table shows it. */
export interface Figure {
  readonly part: Part;
  readonly what: string;
  readonly unit: string;
  /** What each round measured; the figure is their median. */
  readonly rounds: readonly number[];
  /** The budget, where there is one. */
  readonly target?: { readonly least: number } | { readonly most: number };
}

/** Prints figures as a table. */
export function printTable(figures: readonly Figure[]): void {
  const rows = figures.map((figure) => [
    figure.part,
    figure.what,
    `${format(median(figure.rounds))} ${figure.unit}`.trim(),
    target(figure),
    figure.rounds.length > 1 ? figure.rounds.map(format).join(' ') : '',
  ]);
  const table = [['part', 'what', 'median', 'target', 'rounds'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** Writes figures, and on what machine they were measured, as JSON. */
export async function writeJson(figures: readonly Figure[], options: Options): Promise<void> {
  const results = {
    measuredAt: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cpus: availableParallelism(), node: process.version },
    options,
    figures: figures.map((figure) => ({ ...figure, median: median(figure.rounds), met: isMet(figure) })),
  };
  await writeFile(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** Whether a figure keeps its budget; undefined where it has none. */
function isMet(figure: Figure): boolean | undefined {
  if (figure.target === undefined) return undefined;
  const value = median(figure.rounds);
  return 'least' in figure.target ? value >= figure.target.least : value <= figure.target.most;
}

function target(figure: Figure): string {
  if (figure.target === undefined) return '';
  const bound = 'least' in figure.target ? `≥ ${figure.target.least}` : `≤ ${figure.target.most}`;
  return `${bound} ${isMet(figure) ? 'met' : 'MISSED'}`;
}

function format(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

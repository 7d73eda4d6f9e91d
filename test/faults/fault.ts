import type { Teardown } from '../helpers/services.js';

/** Where the service under a fault keeps its queue. */
export type Backend = 'postgres' | 'redis';

/** What a fault is run with. What it starts goes when the run ends. */
export interface FaultRun extends Teardown {
  readonly backend: Backend;
  /** The share of the full count that this run wants, at least `least` (1). */
  count(full: number, least?: number): number;
}

/** One thing that a fault shows. */
export interface Finding {
  readonly what: string;
  readonly passed: boolean;
  /** The number behind it, with its unit. */
  readonly figure: string;
  /** It is about time: a busy machine may miss it, so only the full suite judges it. */
  readonly timed: boolean;
}

/** Something that goes wrong, and what must hold all the same. */
export interface Fault {
  /** As `--only` takes it. */
  readonly name: string;
  readonly about: string;
  /** The backends on which it can differ. */
  readonly backends: readonly Backend[];
  run(run: FaultRun): Promise<Findings>;
}

/** Both queues: what is about jobs must hold on each. */
export const EVERY_BACKEND: readonly Backend[] = ['postgres', 'redis'];

/** Collects what a fault shows. */
export class Findings {
  readonly items: Finding[] = [];

  /** Something that holds or does not. */
  is(what: string, passed: boolean, figure = ''): void {
    this.items.push({ what, passed, figure, timed: false });
  }

  /** A count that must be exactly so. */
  equal(what: string, actual: number, expected: number): void {
    this.is(what, actual === expected, `${actual} of ${expected}`);
  }

  /** A measure that may not be larger. */
  atMost(what: string, value: number, most: number, unit: string): void {
    this.is(what, value <= most, `${short(value)} ${unit} (≤ ${short(most)})`);
  }

  /** A time that may not be longer. */
  within(what: string, value: number, most: number, unit = 'ms'): void {
    this.items.push({
      what,
      passed: value <= most,
      figure: `${short(value)} ${unit} (≤ ${short(most)})`,
      timed: true,
    });
  }
}

/** The count of a run at a scale: 1 is all. */
export function countAt(scale: number): FaultRun['count'] {
  return (full, least = 1) => Math.max(least, Math.round(full * scale));
}

function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

import type { Logger } from '../logger.js';
import { memoryLimitBytes } from '../memory-limit.js';
import type { MetricValues } from '../metrics/snapshot.js';
import type { AlarmSink, AlarmThresholds } from './alarm.js';
import { type AlarmPolicy, type Ledger, settle } from './ledger.js';
import { deliver, enlist, type Unsent } from './outbox.js';
import { ReadingWindow } from './process-snapshot.js';
import { readMetrics } from './reading.js';
import { findAll, processRules } from './rules.js';

/** What a process looks at itself with. */
export interface ProcessWatchDeps {
  /** Its name, as `host:port`. */
  readonly source: string;
  /** Its own metrics and those of the worker that it looks after. */
  readonly metrics: () => Promise<{
    readonly own: readonly MetricValues[];
    readonly worker: readonly MetricValues[];
  }>;
  /** Whether a worker that does not answer is told of here; see {@link workerSilent}. */
  readonly watchesWorker: boolean;
  readonly thresholds: AlarmThresholds;
  readonly policy: AlarmPolicy;
  readonly sinks: readonly AlarmSink[];
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Looks at this process and its worker, and tells what is wrong with them. It needs nothing but itself:
 * when the database is away, this is what still says so.
 */
export class ProcessWatch {
  readonly #deps: ProcessWatchDeps;
  readonly #window = new ReadingWindow();
  #ledger: Ledger = {};
  #unsent: Unsent[] = [];

  constructor(deps: ProcessWatchDeps) {
    this.#deps = deps;
  }

  /** Looks once. */
  async look(): Promise<void> {
    const { source, metrics, watchesWorker, thresholds, policy, sinks, log } = this.#deps;
    const { own, worker } = await metrics();
    const now = this.#deps.now();
    const reading = readMetrics([...own, ...worker], now);
    const answers = watchesWorker ? worker.length > 0 : undefined;
    const snapshot = this.#window.add(reading, memoryLimitBytes(), answers);
    const findings = findAll(processRules, snapshot, thresholds);
    const { ledger, alarms } = settle(this.#ledger, findings, { source, now, policy });
    this.#ledger = ledger;
    this.#unsent = await deliver(enlist(this.#unsent, alarms, sinks), sinks, log, now);
  }
}

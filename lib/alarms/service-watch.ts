import { type Database, type Executor, jsonb } from '../database/client.js';
import type { Logger } from '../logger.js';
import type { AlarmSink, AlarmThresholds } from './alarm.js';
import { type AlarmPolicy, type Ledger, settle } from './ledger.js';
import { deliver, enlist, type Unsent } from './outbox.js';
import { findAll, serviceRules } from './rules.js';
import { type BacklogHistory, readService, remember } from './service-snapshot.js';

/** What a process looks at the whole service with. */
export interface ServiceWatchDeps {
  readonly database: Database;
  readonly thresholds: AlarmThresholds;
  readonly policy: AlarmPolicy;
  readonly sinks: readonly AlarmSink[];
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What all processes know together: one row of PostgreSQL. Empty at first. */
interface SharedState {
  readonly ledger?: Ledger;
  readonly history?: readonly BacklogHistory[];
  readonly unsent?: readonly Unsent[];
  /** Until when the process that took the unsent alarms has time to send them; milliseconds since the epoch. */
  readonly sendingUntil?: number;
}

const SOURCE = 'service';
/** Longer than a process needs to send; then another sends what it left. */
const SENDING_MS = 60_000;

/**
 * Looks at the whole service, and tells what is wrong with it, once however many processes look: who has
 * the row looks, and what was told is in the row. An alarm whose teller dies is told by another.
 */
export class ServiceWatch {
  readonly #deps: ServiceWatchDeps;

  constructor(deps: ServiceWatchDeps) {
    this.#deps = deps;
  }

  /** Looks once, unless another process does at this moment. */
  async look(): Promise<void> {
    const { database, sinks, log } = this.#deps;
    const unsent = await database.transaction('alarms.settle', (sql) => this.#settle(sql));
    if (unsent.length === 0) return;
    const left = await deliver(unsent, sinks, log, this.#deps.now());
    await database.transaction('alarms.sent', async (sql) => {
      const state = await lockState(sql, true);
      // What was added meanwhile stays.
      const added = (state?.unsent ?? []).slice(unsent.length);
      await saveState(sql, { ...state, unsent: [...left, ...added], sendingUntil: 0 });
    });
  }

  /** @returns the alarms that this process is to send now */
  async #settle(sql: Executor): Promise<readonly Unsent[]> {
    const { thresholds, policy, sinks } = this.#deps;
    const state = await lockState(sql, false);
    if (!state) return [];
    const now = this.#deps.now();
    const { history = [], sendingUntil = 0 } = state;
    const { snapshot, samples } = await readService(sql, history);
    const findings = findAll(serviceRules, snapshot, thresholds);
    const { ledger, alarms } = settle(state.ledger ?? {}, findings, { source: SOURCE, now, policy });
    const unsent = enlist(state.unsent ?? [], alarms, sinks);
    const isMine = unsent.length > 0 && sendingUntil <= now;
    await saveState(sql, {
      ledger,
      history: remember(history, samples, now),
      unsent,
      sendingUntil: isMine ? now + SENDING_MS : sendingUntil,
    });
    return isMine ? unsent : [];
  }
}

/** The row, locked until the transaction ends. Undefined: another process has it, and this one need not `wait`. */
async function lockState(sql: Executor, wait: boolean): Promise<SharedState | undefined> {
  const [row] = await sql<{ state: SharedState }[]>`
    select state from alarm_state where scope = ${SOURCE} for update ${wait ? sql`` : sql`skip locked`}`;
  return row?.state;
}

async function saveState(sql: Executor, state: SharedState): Promise<void> {
  await sql`update alarm_state set state = ${jsonb(sql, state)} where scope = ${SOURCE}`;
}

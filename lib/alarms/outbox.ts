import type { Logger } from '../logger.js';
import type { Alarm, AlarmSink } from './alarm.js';

/** An alarm, and the names of the sinks that have not taken it yet; plain JSON. */
export interface Unsent {
  readonly alarm: Alarm;
  readonly sinks: readonly string[];
}

/** What a receiver has not taken for so long is no news any more, in ms. */
const STALE_MS = 24 * 3_600_000;
/** Alarms that wait for a receiver which is away; the oldest go. */
const MAX_UNSENT = 200;

/** Adds alarms for every sink to what is unsent. */
export function enlist(
  unsent: readonly Unsent[],
  alarms: readonly Alarm[],
  sinks: readonly AlarmSink[],
): Unsent[] {
  const names = sinks.map(({ name }) => name);
  return [...unsent, ...alarms.map((alarm) => ({ alarm, sinks: names }))].slice(-MAX_UNSENT);
}

/**
 * Sends to each sink what it has not taken, in order: after one that it refuses the others wait for the
 * next time, so that an all-clear never comes before its alarm.
 *
 * @param now milliseconds since the epoch
 * @returns what is still unsent
 */
export async function deliver(
  unsent: readonly Unsent[],
  sinks: readonly AlarmSink[],
  log: Logger,
  now: number,
): Promise<Unsent[]> {
  const taken = new Map(
    await Promise.all(sinks.map(async (sink) => [sink.name, await deliverTo(sink)] as const)),
  );
  return unsent
    .map(({ alarm, sinks: names }) => ({
      alarm,
      sinks: names.filter((name) => !taken.get(name)?.has(alarm)),
    }))
    .filter(({ alarm, sinks: names }) => names.length > 0 && now - Date.parse(alarm.at) < STALE_MS);

  async function deliverTo(sink: AlarmSink): Promise<Set<Alarm>> {
    const accepted = new Set<Alarm>();
    for (const { alarm, sinks: names } of unsent) {
      if (!names.includes(sink.name)) continue;
      try {
        await sink.send(alarm);
        accepted.add(alarm);
      } catch (error) {
        log.warn(
          { err: error, sink: sink.name, alarm: alarm.rule },
          'an alarm was not taken; it is sent again',
        );
        break;
      }
    }
    return accepted;
  }
}

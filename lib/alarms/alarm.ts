/** What can be wrong, each with a rule of its own in `rules.ts` and in `deploy/prometheus/alerts.yml`. */
export const alarmRules = [
  'job-running-long',
  'job-failed',
  'backlog-growing',
  'backlog-ageing',
  'worker-down',
  'memory-high',
  'event-loop-delayed',
  'error-rate-high',
  'responses-slow',
] as const;
export type AlarmRule = (typeof alarmRules)[number];

/** Something that a rule finds wrong at this moment. */
export interface Finding {
  readonly rule: AlarmRule;
  /** What it is about: a type of jobs, `api` or `worker`, `service`. */
  readonly subject: string;
  readonly value: number;
  readonly threshold: number;
  /** Of both: `seconds`, `jobs`, `percent`, `milliseconds`, `workers`. */
  readonly unit: string;
  /** For people. */
  readonly text: string;
}

/** What somebody is told: that something is wrong, or that it no longer is. */
export interface Alarm extends Finding {
  readonly state: 'firing' | 'cleared';
  /** Who found it: `service` for what is seen from everywhere, else the process, as `host:port`. */
  readonly source: string;
  /** Since when it has been wrong, RFC 3339. */
  readonly since: string;
  /** When this was decided, RFC 3339. */
  readonly at: string;
}

/** Where alarms go. */
export interface AlarmSink {
  readonly name: string;
  /** Rejects when it was not taken: then it is sent again. */
  send(alarm: Alarm): Promise<void>;
}

/** Above which values something is wrong; see the settings `ALERT_…` for the units. */
export interface AlarmThresholds {
  readonly alertJobSeconds: number;
  readonly alertBacklogJobs: number;
  readonly alertBacklogSeconds: number;
  readonly alertMemoryPercent: number;
  readonly alertLoopDelayMs: number;
  readonly alertErrorPercent: number;
  readonly alertP95Ms: number;
}

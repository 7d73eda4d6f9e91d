import type { AlarmThresholds, Finding } from './alarm.js';
import type { ProcessSnapshot } from './process-snapshot.js';
import type { ServiceSnapshot } from './service-snapshot.js';

/** Finds what is wrong with a snapshot: pure, and without a memory of its own. */
export type Rule<Snapshot> = (snapshot: Snapshot, thresholds: AlarmThresholds) => Finding[];

/** Fewer failures are chance, however few the requests. */
export const MIN_ERRORS = 5;
/** Fewer requests have no 95th percentile to speak of. */
export const MIN_REQUESTS = 20;

const MIB = 1024 * 1024;

/** One job of a type runs for longer than it should. */
export const jobRunningLong: Rule<ServiceSnapshot> = ({ running }, { alertJobSeconds }) =>
  running
    .filter(({ seconds }) => seconds > alertJobSeconds)
    .map(({ type, id, seconds }) => ({
      rule: 'job-running-long',
      subject: type,
      value: Math.round(seconds),
      threshold: alertJobSeconds,
      unit: 'seconds',
      text: `A ${type} job has been running for ${Math.round(seconds)} s: ${id}`,
    }));

/** Jobs have failed for good a moment ago. */
export const jobFailed: Rule<ServiceSnapshot> = ({ failed }) =>
  failed.map(({ type, count, lastId, lastCode }) => ({
    rule: 'job-failed',
    subject: type,
    value: count,
    threshold: 0,
    unit: 'jobs',
    text: `${count} ${type} job${count === 1 ? ' has' : 's have'} failed for good, the last one by ${lastCode}: ${lastId}`,
  }));

/** More jobs wait than a while ago, and they are many. */
export const backlogGrowing: Rule<ServiceSnapshot> = ({ backlog }, { alertBacklogJobs }) =>
  backlog
    .filter(({ queued, queuedBefore }) => queued > alertBacklogJobs && queued > queuedBefore)
    .map(({ type, queued, queuedBefore }) => ({
      rule: 'backlog-growing',
      subject: type,
      value: queued,
      threshold: alertBacklogJobs,
      unit: 'jobs',
      text: `${queued} ${type} jobs wait, and a while ago it was ${queuedBefore}`,
    }));

/** The oldest job that waits is older than a while ago, and old. */
export const backlogAgeing: Rule<ServiceSnapshot> = ({ backlog }, { alertBacklogSeconds }) =>
  backlog
    .filter(
      ({ oldestSeconds, oldestSecondsBefore }) =>
        oldestSeconds > alertBacklogSeconds && oldestSeconds > oldestSecondsBefore,
    )
    .map(({ type, oldestSeconds }) => ({
      rule: 'backlog-ageing',
      subject: type,
      value: Math.round(oldestSeconds),
      threshold: alertBacklogSeconds,
      unit: 'seconds',
      text: `The oldest ${type} job has been waiting for ${Math.round(oldestSeconds)} s`,
    }));

/** Nobody is there to do the work. */
export const noWorker: Rule<ServiceSnapshot> = ({ workers }) =>
  workers > 0
    ? []
    : [
        {
          rule: 'worker-down',
          subject: 'service',
          value: 0,
          threshold: 1,
          unit: 'workers',
          text: 'No worker is alive: jobs wait',
        },
      ];

/** The worker process that this one looks after does not answer. */
export const workerSilent: Rule<ProcessSnapshot> = ({ workerAnswers }) =>
  workerAnswers !== false
    ? []
    : [
        {
          rule: 'worker-down',
          subject: 'worker',
          value: 0,
          threshold: 1,
          unit: 'workers',
          text: 'The worker process of this machine does not answer',
        },
      ];

/** The processes use most of the memory that there is. */
export const memoryHigh: Rule<ProcessSnapshot> = ({ memory }, { alertMemoryPercent }) => {
  const percent = Math.round((100 * memory.usedBytes) / memory.limitBytes);
  if (percent <= alertMemoryPercent) return [];
  const [used, limit] = [memory.usedBytes, memory.limitBytes].map((bytes) => Math.round(bytes / MIB));
  return [
    {
      rule: 'memory-high',
      subject: 'service',
      value: percent,
      threshold: alertMemoryPercent,
      unit: 'percent',
      text: `${used} of ${limit} MiB of memory are used`,
    },
  ];
};

/** An event loop is late: whoever it serves waits. */
export const eventLoopDelayed: Rule<ProcessSnapshot> = ({ loops }, { alertLoopDelayMs }) =>
  loops
    .filter(({ p99Ms }) => p99Ms > alertLoopDelayMs)
    .map(({ process, p99Ms }) => ({
      rule: 'event-loop-delayed',
      subject: process,
      value: Math.round(p99Ms),
      threshold: alertLoopDelayMs,
      unit: 'milliseconds',
      text: `The event loop of the ${process} is ${Math.round(p99Ms)} ms late (p99)`,
    }));

/** Too many requests fail by our own fault. */
export const errorRateHigh: Rule<ProcessSnapshot> = ({ requests, errors }, { alertErrorPercent }) => {
  const percent = requests > 0 ? (100 * errors) / requests : 0;
  if (errors < MIN_ERRORS || percent <= alertErrorPercent) return [];
  return [
    {
      rule: 'error-rate-high',
      subject: 'api',
      value: Math.round(percent * 10) / 10,
      threshold: alertErrorPercent,
      unit: 'percent',
      text: `${errors} of ${requests} requests were answered with 5xx`,
    },
  ];
};

/** Answers that should come at once do not. */
export const responsesSlow: Rule<ProcessSnapshot> = ({ prompt }, { alertP95Ms }) => {
  if (prompt.requests < MIN_REQUESTS || prompt.p95Ms <= alertP95Ms) return [];
  return [
    {
      rule: 'responses-slow',
      subject: 'api',
      value: Math.round(prompt.p95Ms),
      threshold: alertP95Ms,
      unit: 'milliseconds',
      text: `One in twenty requests takes ${Math.round(prompt.p95Ms)} ms or more`,
    },
  ];
};

/** What is seen from everywhere: one process looks for all. */
export const serviceRules: readonly Rule<ServiceSnapshot>[] = [
  jobRunningLong,
  jobFailed,
  backlogGrowing,
  backlogAgeing,
  noWorker,
];

/** What each process looks for in itself and in the worker process that it looks after. */
export const processRules: readonly Rule<ProcessSnapshot>[] = [
  workerSilent,
  memoryHigh,
  eventLoopDelayed,
  errorRateHigh,
  responsesSlow,
];

/** Everything that the rules find. */
export function findAll<Snapshot>(
  rules: readonly Rule<Snapshot>[],
  snapshot: Snapshot,
  thresholds: AlarmThresholds,
): Finding[] {
  return rules.flatMap((rule) => rule(snapshot, thresholds));
}

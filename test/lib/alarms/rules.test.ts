import t from 'tap';
import type { AlarmThresholds } from '../../../lib/alarms/alarm.js';
import type { ProcessSnapshot } from '../../../lib/alarms/process-snapshot.js';
import { findAll, processRules, serviceRules } from '../../../lib/alarms/rules.js';
import type { ServiceSnapshot } from '../../../lib/alarms/service-snapshot.js';
import { testConfig } from '../../helpers/config.js';

const thresholds: AlarmThresholds = testConfig();

const quiet: ServiceSnapshot = { running: [], failed: [], backlog: [], workers: 1 };
const calm: ProcessSnapshot = {
  requests: 1_000,
  errors: 0,
  prompt: { requests: 1_000, p95Ms: 20 },
  loops: [
    { process: 'api', p99Ms: 3 },
    { process: 'worker', p99Ms: 20 },
  ],
  memory: { usedBytes: 10, limitBytes: 100 },
  workerAnswers: undefined,
};
const backlog = {
  type: 'resize',
  queued: 0,
  queuedBefore: 0,
  oldestSeconds: 0,
  oldestSecondsBefore: 0,
} as const;

/** What is found where the service is not as it should be: rule, subject, value. */
function service(wrong: Partial<ServiceSnapshot>): unknown[] {
  return findAll(serviceRules, { ...quiet, ...wrong }, thresholds).map(shortly);
}

function inProcess(wrong: Partial<ProcessSnapshot>): unknown[] {
  return findAll(processRules, { ...calm, ...wrong }, thresholds).map(shortly);
}

function shortly({ rule, subject, value }: { rule: string; subject: string; value: number }): string {
  return `${rule} ${subject} ${value}`;
}

t.test('where nothing is wrong nothing is found', async (t) => {
  t.same([service({}), inProcess({})], [[], []]);
  t.same(service({ workers: 3 }), []);
  t.same(inProcess({ workerAnswers: true }), []);
  t.same(inProcess({ requests: 0, prompt: { requests: 0, p95Ms: 0 }, loops: [] }), []);
});

t.test('jobs', async (t) => {
  const running = (seconds: number) => service({ running: [{ type: 'resize', id: 'x', seconds }] });
  t.same([running(30), running(31)], [[], ['job-running-long resize 31']]);
  const failed = [{ type: 'export', count: 2, lastId: 'x', lastCode: 'INTERNAL' }] as const;
  t.same(service({ failed }), ['job-failed export 2']);
  t.same(service({ workers: 0 }), ['worker-down service 0']);
});

t.test('a backlog must be large, or old, and growing', async (t) => {
  const of = (more: object) => service({ backlog: [{ ...backlog, ...more }] });
  t.same(of({ queued: 1_001, queuedBefore: 1_000 }), ['backlog-growing resize 1001']);
  t.same(of({ queued: 1_001, queuedBefore: 1_001 }), []);
  t.same(of({ queued: 1_000, queuedBefore: 0 }), []);
  t.same(of({ oldestSeconds: 301, oldestSecondsBefore: 241 }), ['backlog-ageing resize 301']);
  t.same(of({ oldestSeconds: 301, oldestSecondsBefore: 302 }), []);
  t.same(of({ oldestSeconds: 300, oldestSecondsBefore: 1 }), []);
});

t.test('a process', async (t) => {
  t.same(inProcess({ memory: { usedBytes: 80, limitBytes: 100 } }), []);
  t.same(inProcess({ memory: { usedBytes: 81, limitBytes: 100 } }), ['memory-high service 81']);
  t.same(inProcess({ loops: [{ process: 'worker', p99Ms: 101 }] }), ['event-loop-delayed worker 101']);
  t.same(inProcess({ workerAnswers: false }), ['worker-down worker 0']);
});

t.test('requests', async (t) => {
  t.same(inProcess({ requests: 1_000, errors: 10 }), []);
  t.same(inProcess({ requests: 1_000, errors: 11 }), ['error-rate-high api 1.1']);
  t.same(inProcess({ requests: 4, errors: 4 }), [], 'four are chance');
  t.same(inProcess({ requests: 5, errors: 5 }), ['error-rate-high api 100']);
  t.same(inProcess({ prompt: { requests: 19, p95Ms: 900 } }), [], 'too few to tell');
  t.same(inProcess({ prompt: { requests: 20, p95Ms: 201 } }), ['responses-slow api 201']);
});

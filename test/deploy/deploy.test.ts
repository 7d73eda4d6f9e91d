import { readFile } from 'node:fs/promises';
import t from 'tap';
import { parse } from 'yaml';
import { alarmRules } from '../../lib/alarms/alarm.js';
import { upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { selectorsOf } from './promql.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}

// From dist/test/deploy.
const deploy = new URL('../../../deploy/', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, deploy), 'utf8');

const rules: Rule[] = parse(await read('prometheus/alerts.yml')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);
const { panels }: { panels: Panel[] } = JSON.parse(await read('grafana/halftone.json'));
const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
];

/** What a service shows after some work: the labels of each metric. */
async function shown(): Promise<Map<string, Set<string>>> {
  const service = await startService(t, { env: { RESIZE_THREADS: '1' } });
  const api = await openApi(service.url);
  await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
  await api('/v1/queues/resize/pause', { method: 'POST' });
  await upload(api, await picture(), { presets: ['small'] });
  // A gauge of the whole service is as old as a second.
  return eventually(async () => {
    const metrics = new Map<string, Set<string>>();
    for (const line of (await (await fetch(`${service.url}/metrics`)).text()).split('\n')) {
      const [, name, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? /.exec(line) ?? [];
      if (name === undefined) continue;
      const known = metrics.get(name) ?? new Set();
      metrics.set(name, known);
      for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label ?? '');
    }
    return metrics.has('queue_jobs') && metrics.has('jobs_total') ? metrics : undefined;
  });
}

const metrics = await shown();

await t.test('every expression is PromQL about what /metrics shows', async (t) => {
  t.ok(expressions.length > 30);
  for (const [where, expression] of expressions) {
    const selectors = selectorsOf(expression);
    t.ok(selectors.length > 0, where);
    for (const { metric, labels } of selectors) {
      const known = metrics.get(metric);
      t.ok(known, `${where}: ${metric}`);
      for (const label of labels) t.ok(known?.has(label), `${where}: ${metric} has a label ${label}`);
    }
  }
});

await t.test('there is a rule for each alarm of the service, and no other', async (t) => {
  t.same(rules.map(({ alert }) => alert).sort(), [...alarmRules].sort());
  for (const { alert, labels, annotations } of rules) {
    t.match(labels.severity, /^(warning|critical)$/, alert);
    t.ok(annotations.summary.length > 0, alert);
  }
});

await t.test('the names that operators were promised', async (t) => {
  for (const [name, labels] of [
    ['http_request_duration_seconds_bucket', ['method', 'route', 'status_code', 'le']],
    ['db_query_duration_seconds_bucket', ['operation', 'table', 'le']],
    ['jobs_total', ['type', 'outcome']],
    ['job_wait_duration_seconds_bucket', ['type', 'le']],
    ['job_run_duration_seconds_bucket', ['type', 'le']],
    ['queue_jobs', ['type', 'state']],
    ['queue_oldest_job_seconds', ['type', 'state']],
    ['process_memory_bytes', ['process', 'kind']],
    ['event_loop_delay_seconds_bucket', ['process', 'le']],
    ['job_cache_reads_total', ['result']],
  ] as const)
    for (const label of labels) t.ok(metrics.get(name)?.has(label), `${name} {${label}}`);
});

await t.test('the dashboard is whole', async (t) => {
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'every panel has an id of its own');
  for (const { type, title, targets } of panels) t.ok(type === 'row' || targets?.length, title);
});

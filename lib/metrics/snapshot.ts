import type { Registry } from 'prom-client';

/** One metric and its values, as prom-client hands them from process to process. */
export interface MetricValues {
  readonly name: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Partial<Record<string, string | number>>>;
    /** Of histograms: the name with `_bucket`, `_sum` or `_count`. */
    readonly metricName?: string;
  }[];
}

/** All metrics of one process at one moment. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

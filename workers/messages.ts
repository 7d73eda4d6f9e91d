import type { Config } from '../lib/config.js';
import type { MetricsSnapshot } from '../lib/metrics/snapshot.js';

/** What the supervisor tells the worker process. */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly config: Config;
      readonly databaseUrl: string;
      readonly workerId: string;
    }
  | { readonly kind: 'metrics'; readonly request: number }
  | { readonly kind: 'stop' };

/** What the worker process tells its supervisor. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'metrics'; readonly request: number; readonly metrics: MetricsSnapshot };

import { parser } from '@prometheus-io/lezer-promql';

/** A selector in an expression: `name{label="value"}`. */
export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

// Grafana puts in a duration, and the parser wants one.
const INTERVAL = /\$__rate_interval/g;

/**
 * The selectors of a PromQL expression, read with Prometheus' own grammar.
 *
 * @throws Error where it is no expression
 */
export function selectorsOf(expression: string): Selector[] {
  const text = expression.replace(INTERVAL, '1m');
  const selectors: { metric: string; labels: string[] }[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${text}`);
      const part = text.slice(from, to);
      if (type.name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      const selector = selectors.at(-1);
      // The identifier of a selector is the first within it; labels of `by (…)` stand in none.
      if (type.name === 'Identifier' && selector?.metric === '') selector.metric = part;
      if (type.name === 'LabelName' && isMatched(text, to)) selector?.labels.push(part);
    },
  });
  return selectors;
}

/** Whether a label name is one that is compared, not one to group by. */
function isMatched(text: string, end: number): boolean {
  return /^\s*(=|!)/.test(text.slice(end));
}

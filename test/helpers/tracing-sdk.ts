import { appendFileSync } from 'node:fs';
import {
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { WrittenSpan } from './written-span.js';

// What a user's own `--import` does, with an exporter that writes each span as a line of TRACE_FILE.
const file = process.env['TRACE_FILE'] ?? '/dev/null';

const exporter: SpanExporter = {
  export(spans, done) {
    for (const span of spans) appendFileSync(file, `${JSON.stringify(written(span))}\n`);
    done({ code: 0 });
  },
  shutdown: async () => {},
};

function written(span: ReadableSpan): WrittenSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    name: span.name,
    pid: process.pid,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId ?? null,
    attributes: { ...span.attributes },
  };
}

new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
